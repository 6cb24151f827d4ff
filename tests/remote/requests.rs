//! Requests that are made to do harm: framings that disagree, heads and bodies without end.

use std::io::Write;

use super::scene::{Scene, TOKEN, address, read_all};

#[test]
fn where_a_request_ends_is_never_open_to_two_readings() {
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    let known = format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n");
    let hidden = "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for framing in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}", 5 + hidden.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n{hidden}"),
        format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Content-Length: 0\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("Content-Length: {}\r\nContent-Length: 0\r\n\r\n{hidden}", hidden.len()),
        format!("Content-Length: +0\r\n\r\n{hidden}"),
        format!("Content-Length: 0,{}\r\n\r\n{hidden}", hidden.len()),
        format!("Content-Length: -1\r\n\r\n{hidden}"),
        format!("X: a\r\n Content-Length: 5\r\n\r\n{hidden}"),
        format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len()),
    ] {
        for path in ["/status", "/nowhere", "/admin"] {
            let mut line = scene.stranger().connect(to).expect("a connection");
            line.write_all(format!("POST {path} HTTP/1.1\r\n{known}{framing}").as_bytes()).expect("sent");
            let (all, _) = read_all(&mut line);
            let codes: Vec<&str> = all.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
            assert!(codes.len() <= 1 && codes.iter().all(|code| code.starts_with('4')), "{path} {framing}: {codes:?}");
        }
    }
    // Without a body, what follows is a request of its own, and a stranger's.
    let mut line = scene.stranger().connect(to).expect("a connection");
    line.write_all(format!("GET /readyz HTTP/1.1\r\n{known}\r\n{hidden}").as_bytes()).expect("sent");
    let (all, _) = read_all(&mut line);
    assert!(all.contains("HTTP/1.1 200") && all.contains("HTTP/1.1 401"), "{all}");
}

#[test]
fn heads_beyond_the_limits_are_refused() {
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    let many = "X-Filler: x\r\n".repeat(64);
    assert_eq!(scene.stranger().get(to, "/healthz", &many).expect("an answer").status(), 431);
    // As much as the limit allows and no end of line: what is read is read, so the answer is not cut by a reset.
    let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}", "x".repeat(16 << 10));
    assert_eq!(scene.stranger().send(to, &head[..16 << 10]).expect("an answer").status(), 431);
    let long = format!("/{}", "a".repeat(17 << 10));
    assert!(scene.stranger().get(to, &long, "").map_or(true, |answer| answer.status() >= 400));
    assert_eq!(scene.stranger().get(to, "/healthz", "").expect("an answer").status(), 200, "and it goes on");
}

#[test]
fn a_body_of_a_gibibyte_is_neither_read_nor_held() {
    let scene = Scene::new();
    let agent = scene.start(&format!("{}\nadmin = true", scene.usual()));
    let to = address(&agent).expect("it listens");
    let announced = "Host: localhost\r\nContent-Length: 1073741824\r\n";
    for (path, header) in [
        ("/status", format!("Authorization: Bearer {TOKEN}\r\n")),
        ("/status", String::new()),
        ("/healthz", String::new()),
        ("/admin/login", String::new()),
    ] {
        let mut line = scene.stranger().connect(to).expect("a connection");
        line.write_all(format!("POST {path} HTTP/1.1\r\n{announced}{header}\r\n").as_bytes()).expect("sent");
        let part = vec![b'x'; 64 << 10];
        let mut sent = 0_usize;
        // It is cut off long before: by the end of the connection, whose buffers hold some MiB.
        while sent < 1 << 30 && line.write_all(&part).is_ok() {
            sent += part.len();
        }
        assert!(sent < 64 << 20, "{path}: {sent} bytes were taken");
    }
    let metrics = agent.get("/metrics").expect("it answers").1;
    let line = metrics.lines().find(|line| line.starts_with("process_resident_memory_bytes ")).expect("told");
    let bytes: f64 = line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number");
    assert!(bytes < f64::from(128 << 20), "{bytes} bytes are held");
}
