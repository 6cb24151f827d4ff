// A receiver as a Node.js shop writes one: the tls module, octet-counted frames (RFC 6587 3.4.1).
// node receiver.js PORT CA CERT KEY appends a line of JSON a message to ./messages.

'use strict';

const fs = require('node:fs');
const tls = require('node:tls');

const [port, ca, cert, key] = process.argv.slice(2);
const out = fs.openSync('messages', 'a');
const MESSAGE =
  /^<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+)(?: ([^]*))?$/;

const options = { ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key), requestCert: true };
const server = tls.createServer(options, (socket) => {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let lines = '';
    for (let blank; (blank = rest.subarray(0, 8).indexOf(' ')) >= 0; ) {
      const end = blank + 1 + Number(rest.subarray(0, blank));
      if (rest.length < end) break;
      lines += line(rest.subarray(blank + 1, end).toString('utf8'));
      rest = rest.subarray(end);
    }
    fs.writeSync(out, lines);
  });
  socket.on('error', (error) => console.error(error));
});
server.on('tlsClientError', (error) => console.error(error));
server.listen(Number(port), '127.0.0.1');

function line(raw) {
  const parts = MESSAGE.exec(raw);
  if (parts === null) throw new Error(`no RFC 5424 message: ${raw}`);
  const [, pri, timestamp, hostname, app, process, id, data, msg = ''] = parts;
  const fields = { pri, timestamp, hostname, 'app-name': app, 'proc-id': process, 'msg-id': id };
  return JSON.stringify({ ...fields, 'structured-data': data, msg, raw }) + '\n';
}
