// A receiver as a Java shop writes one: JSSE, a thread a connection, octet-counted frames (RFC 6587 3.4.1).
// It is run from its source: java Receiver.java PORT CA CERT KEY, and appends a line of JSON a message to ./messages.

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Receiver {
    private static final String[] FIELDS =
        {"pri", "timestamp", "hostname", "app-name", "proc-id", "msg-id", "structured-data", "msg", "raw"};
    private static final Pattern MESSAGE = Pattern.compile(
        "<(\\d+)>1 (\\S+) (\\S+) (\\S+) (\\S+) (\\S+) (-|(?:\\[(?:[^\"\\]]|\"(?:[^\"\\\\]|\\\\.)*+\")*+\\])++)(?: (.*))?",
        Pattern.DOTALL);

    public static void main(String[] words) throws Exception {
        SSLContext tls = context(Path.of(words[1]), Path.of(words[2]), Path.of(words[3]));
        OutputStream out = new FileOutputStream("messages", true);
        SSLServerSocket listener = (SSLServerSocket) tls.getServerSocketFactory()
            .createServerSocket(Integer.parseInt(words[0]), 50, InetAddress.getByName("127.0.0.1"));
        listener.setNeedClientAuth(true);
        while (true) {
            SSLSocket socket = (SSLSocket) listener.accept();
            new Thread(() -> serve(socket, out)).start();
        }
    }

    private static void serve(SSLSocket socket, OutputStream out) {
        try (socket) {
            InputStream in = new BufferedInputStream(socket.getInputStream(), 1 << 16);
            for (int length; (length = length(in)) >= 0; ) {
                byte[] frame = in.readNBytes(length);
                if (frame.length < length) {
                    throw new EOFException("a frame was cut");
                }
                byte[] line = line(new String(frame, StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
                synchronized (out) {
                    out.write(line);
                }
            }
        } catch (IOException error) {
            System.err.println(error);
        }
    }

    /** The count in front of a frame, or -1 where the stream ends. */
    private static int length(InputStream in) throws IOException {
        int length = 0;
        for (int next, digits = 0; (next = in.read()) != ' '; digits++) {
            if (next < 0 && digits == 0) {
                return -1;
            }
            if (next < '0' || next > '9' || digits > 6) {
                throw new IOException("no octet count");
            }
            length = length * 10 + next - '0';
        }
        return length;
    }

    private static String line(String message) throws IOException {
        Matcher parts = MESSAGE.matcher(message);
        if (!parts.matches()) {
            throw new IOException("no RFC 5424 message: " + message);
        }
        StringBuilder line = new StringBuilder();
        for (int field = 0; field < FIELDS.length; field++) {
            String value = field == 8 ? message : parts.group(field + 1);
            line.append(field == 0 ? '{' : ',').append(quoted(FIELDS[field])).append(':');
            line.append(quoted(value == null ? "" : value));
        }
        return line.append("}\n").toString();
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char one : text.toCharArray()) {
            if (one == '"' || one == '\\') {
                quoted.append('\\').append(one);
            } else if (one < ' ') {
                quoted.append(String.format("\\u%04x", (int) one));
            } else {
                quoted.append(one);
            }
        }
        return quoted.append('"').toString();
    }

    private static SSLContext context(Path ca, Path cert, Path key) throws Exception {
        CertificateFactory x509 = CertificateFactory.getInstance("X.509");
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        try (InputStream in = Files.newInputStream(cert)) {
            Certificate[] chain = x509.generateCertificates(in).toArray(new Certificate[0]);
            own.setKeyEntry("own", key(key), new char[0], chain);
        }
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (InputStream in = Files.newInputStream(ca)) {
            trusted.setCertificateEntry("ca", x509.generateCertificate(in));
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, new char[0]);
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return tls;
    }

    private static PrivateKey key(Path file) throws Exception {
        String body = Files.readString(file).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(body)));
    }
}
