//! Headless Chromium over WebDriver, which is JSON over plain HTTP: a dozen endpoints, for which `http` is enough.
//!
//! A client such as `fantoccini` or `thirtyfour` brings about a hundred crates for the same requests.
#![expect(clippy::panic, reason = "the helpers of tests may fail like tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::http::send;
use crate::running::wait_until;

/// A browser with one window; it ends when it is dropped.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

/// An element of the page.
#[derive(Debug)]
pub(crate) struct Element(Value);

impl Browser {
    /// Starts a browser on a free port. Where there is no chromedriver it says so and returns `None`.
    pub(crate) fn start() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = match command.spawn() {
            Ok(driver) => driver,
            Err(error) => {
                // Not by a macro, whose output is hidden where a test passes.
                let reason = "SKIPPED: chromedriver cannot be started, so the page is not tested";
                let line = format!("{reason}: {error}\n");
                std::io::stderr().write_all(line.as_bytes()).unwrap();
                return None;
            }
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        // It must be able to go on writing.
        thread::spawn(move || lines.for_each(drop));
        let address = SocketAddr::from(([127, 0, 0, 1], port.unwrap()));
        let mut browser = Self { driver, address, session: String::new() };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--window-size=1400,1000",
        ];
        let capabilities = json!({ "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }});
        let started = browser.post("", json!({ "capabilities": capabilities }));
        browser.session = format!("/{}", started["sessionId"].as_str().unwrap());
        Some(browser)
    }

    pub(crate) fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url }));
    }

    pub(crate) fn back(&self) {
        self.post("/back", json!({}));
    }

    pub(crate) fn url(&self) -> String {
        self.get("/url").as_str().unwrap().to_owned()
    }

    /// The first element with this CSS selector, once there is one.
    pub(crate) fn find(&self, selector: &str) -> Element {
        wait_until(|| self.all(selector).into_iter().next(), || format!("no `{selector}`"))
    }

    /// All elements with this CSS selector.
    pub(crate) fn all(&self, selector: &str) -> Vec<Element> {
        let found = self.post("/elements", json!({ "using": "css selector", "value": selector }));
        found.as_array().unwrap().iter().map(Element::of).collect()
    }

    /// The button or link with this accessible name.
    pub(crate) fn named(&self, name: &str) -> Element {
        let found = || {
            let mut controls = self.all("button, a[href], input, select, textarea").into_iter();
            controls.find(|control| self.label(control) == name)
        };
        wait_until(found, || format!("no control `{name}`"))
    }

    pub(crate) fn click(&self, element: &Element) {
        self.post(&format!("/element/{}/click", element.id()), json!({}));
    }

    pub(crate) fn press(&self, name: &str) {
        self.click(&self.named(name));
    }

    pub(crate) fn write(&self, element: &Element, text: &str) {
        self.post(&format!("/element/{}/value", element.id()), json!({ "text": text }));
    }

    pub(crate) fn clear(&self, element: &Element) {
        self.post(&format!("/element/{}/clear", element.id()), json!({}));
    }

    pub(crate) fn text(&self, element: &Element) -> String {
        self.of(element, "text")
    }

    /// The role in the accessibility tree.
    pub(crate) fn role(&self, element: &Element) -> String {
        self.of(element, "computedrole")
    }

    /// The name in the accessibility tree.
    pub(crate) fn label(&self, element: &Element) -> String {
        self.of(element, "computedlabel")
    }

    fn of(&self, element: &Element, what: &str) -> String {
        // An element may be gone before it is asked.
        let (_, value) = self.try_call("GET", &format!("/element/{}/{what}", element.id()), "");
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the first element with this CSS selector has a text that contains `text`.
    pub(crate) fn wait_for(&self, selector: &str, text: &str) {
        let found = || self.all(selector).first().map(|element| self.text(element));
        wait_until(
            || found().filter(|found| found.contains(text)),
            || format!("`{selector}` is {:?}, not `{text}`", found()),
        );
    }

    /// Runs a function body in the page, and returns its result.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true in the page.
    pub(crate) fn wait_until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        wait_until(|| (self.run(&script) == true).then_some(()), || expression.to_owned());
    }

    /// A command of the Chrome DevTools Protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    /// What the console says since the last call.
    pub(crate) fn console(&self) -> Vec<Value> {
        self.post("/se/log", json!({ "type": "browser" })).as_array().unwrap().clone()
    }

    fn get(&self, path: &str) -> Value {
        self.call("GET", path, "")
    }

    fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", path, &body.to_string())
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, value) = self.try_call(method, path, body);
        assert_eq!(status, 200, "{method} {path} {body}: {value}");
        value
    }

    fn try_call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = format!(
            "{method} /session{}{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.session,
            body.len()
        );
        let response = send(self.address, request.as_bytes());
        let mut object: Value = serde_json::from_str(&response.body)
            .unwrap_or_else(|error| panic!("{path}: {error}: {}", response.body));
        (response.status, object["value"].take())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without it the browser's processes outlive the driver.
        if !thread::panicking() || !self.session.is_empty() {
            self.try_call("DELETE", "", "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Element {
    fn of(found: &Value) -> Self {
        Self(found["element-6066-11e4-a52e-4f735466cecf"].clone())
    }

    fn id(&self) -> &str {
        self.0.as_str().unwrap()
    }
}
