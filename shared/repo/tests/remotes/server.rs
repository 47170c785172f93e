//! A small HTTP server in front of `git http-backend`.
//!
//! It can be told to misbehave, which a real one cannot.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// What the server does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Serves Git, to `bot:sesame` only.
    Private,
    /// Serves Git to all.
    Public,
    /// Answers with this status.
    Status(&'static str),
    /// Answers with a web page.
    Html,
    /// Accepts and says nothing.
    Silent,
    /// Serves Git to all, in the protocol of 2005.
    Old,
    /// Serves, but hangs up before it answers a push.
    DropsPushAnswers,
}

/// A running server; it stops when dropped.
pub(crate) struct Server {
    port: u16,
    state: Arc<State>,
}

struct State {
    root: PathBuf,
    mood: Mutex<Mood>,
    /// Sends `/moved/...` to `<this>/...`.
    moved_to: Mutex<String>,
    /// The `Authorization` headers that arrived.
    authorizations: Mutex<Vec<String>>,
    stopped: AtomicBool,
    /// How many requests are being answered.
    busy: AtomicUsize,
}

impl Server {
    /// Serves the repositories in `root`.
    pub(crate) fn of(root: &Path, mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            root: root.to_owned(),
            mood: Mutex::new(mood),
            moved_to: Mutex::default(),
            authorizations: Mutex::default(),
            stopped: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
        });
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let served = Arc::clone(&served);
                served.busy.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    // A client that hangs up is no failure of the server.
                    drop(answer(&served, stream));
                    served.busy.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self, userinfo: &str, path: &str) -> String {
        format!("http://{userinfo}127.0.0.1:{}/{path}", self.port)
    }

    /// Waits until everything that was asked so far has been answered.
    pub(crate) fn settle(&self) {
        // Connections are accepted in their order: once this one is, all before it are counted.
        let mut last = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        last.write_all(b"GET /settled HTTP/1.1\r\n\r\n").unwrap();
        last.read_to_end(&mut Vec::new()).unwrap();
        while self.state.busy.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
    }

    pub(crate) fn be(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    pub(crate) fn moved_to(&self, base: &str) {
        base.clone_into(&mut self.state.moved_to.lock().unwrap());
    }

    pub(crate) fn authorizations(&self) -> Vec<String> {
        self.state.authorizations.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees the flag.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: HashMap::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length =
        request.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

fn answer(state: &State, mut stream: TcpStream) -> std::io::Result<()> {
    let request = read(&stream)?;
    let authorization = request.headers.get("authorization").cloned();
    state.authorizations.lock().unwrap().extend(authorization.clone());
    if let Some(rest) = request.path.strip_prefix("/moved/") {
        let base = state.moved_to.lock().unwrap().clone();
        let to = format!("{base}/{rest}?{}", request.query);
        return write!(
            stream,
            "HTTP/1.1 301 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let mood = *state.mood.lock().unwrap();
    // base64 of `bot:sesame`
    let known =
        matches!(authorization.as_deref(), Some("Basic Ym90OnNlc2FtZQ==" | "Bearer sesame"));
    let status = match mood {
        Mood::Private if !known => "401 Unauthorized",
        Mood::Status(status) => status,
        Mood::Html => "200 OK",
        Mood::Silent => {
            let mut nothing = [0; 1];
            return stream.read(&mut nothing).map(drop);
        }
        Mood::Private | Mood::Public | Mood::Old | Mood::DropsPushAnswers => {
            let response = backend(&state.root, &request, mood)?;
            if mood == Mood::DropsPushAnswers
                && request.path.ends_with("/git-receive-pack")
                && request.method == "POST"
            {
                return Ok(());
            }
            return stream.write_all(&response);
        }
    };
    let head = "WWW-Authenticate: Basic realm=git\r\nRetry-After: 7\r\nContent-Type: text/html\r\nConnection: close";
    write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: 13\r\n\r\n<h1>Hello</h1")
}

/// Runs the CGI program.
fn backend(root: &Path, request: &Request, mood: Mood) -> std::io::Result<Vec<u8>> {
    let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", root)
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_GIT_PROTOCOL", if mood == Mood::Old { "" } else { header("git-protocol") })
        .env("REMOTE_USER", "bot")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    let body = request.body.clone();
    let writer = thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    let end = output
        .stdout
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or(output.stdout.len());
    let (head, body) = output.stdout.split_at(end);
    let head = String::from_utf8_lossy(head);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let fields: Vec<&str> = head.lines().filter(|line| !line.starts_with("Status:")).collect();
    let fields = fields.join("\r\n");
    let body = body.get(4..).unwrap_or_default();
    let mut response = format!(
        "HTTP/1.1 {status}\r\n{fields}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    response.extend_from_slice(body);
    Ok(response)
}
