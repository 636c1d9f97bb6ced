//! The emulator's page in a browser. What a request without a browser can show is in `tests/it/emulator/page.rs`.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::process::{Directory, program, run};
use crate::running::{Running, wait_until};

/// An emulator, a receiver that trusts it, and a browser that shows its page.
struct Scene {
    browser: Browser,
    emulator: Running,
    receiver: Running,
}

impl Scene {
    /// `None` where there is no browser.
    fn set(first_pause: &str) -> Option<Self> {
        let browser = Browser::start()?;
        let emulator = emulate("127.0.0.1:0", first_pause);
        let receiver = Running::receiver(&["--danger-trust-emulator", &emulator.url]);
        let scene = Self { browser, emulator, receiver };
        scene.act(&["register", &scene.receiver.url]);
        Some(scene)
    }

    fn open(&self, query: &str) {
        self.browser.open(&format!("{}/emulator/{query}", self.emulator.url));
    }

    fn open_live(&self) {
        self.open("");
        self.browser.wait_for("#link", "live");
    }

    /// Runs an action, as another program does.
    fn act(&self, arguments: &[&str]) -> String {
        let arguments = [arguments, &["--emulator", &self.emulator.url]].concat();
        let ended = run("emulate", &arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    }

    fn deliveries(&self) -> Vec<Value> {
        serde_json::from_str(&self.act(&["deliveries", "--json"])).unwrap()
    }
}

fn emulate(address: &str, first_pause: &str) -> Running {
    let mut command = program();
    command.args(["emulate", "--ephemeral", "--listen", address, "--first-pause", first_pause]);
    Running::spawn(&mut command)
}

#[test]
fn rows_come_live() {
    let Some(scene) = Scene::set("1ms") else { return };
    let browser = &scene.browser;
    scene.open_live();
    browser.wait_for("caption", "Nothing yet.");
    browser.run("window.isSamePage = true");
    scene.act(&["emit", "invoice-ready", "--wait"]);
    browser.wait_for("#d1", "invoice-ready");
    browser.wait_for("#d1", "✓ delivered");
    browser.wait_for("#d1", "200 OK in ");
    scene.act(&["forge", "expired", "--wait"]);
    browser.wait_for("#d2", "forgery expired");
    browser.wait_for("#d2", "✓ refused\nAs it should be: the signing certificate has expired.");
    browser.wait_for("#counts", "2 · 1 delivered · 1 refused");
    // Newest first, and a screen reader is told sums.
    browser.wait_until(
        "[...document.querySelectorAll('#rows tr')].map((row) => row.id).join() === 'd2,d1'",
    );
    browser.wait_until("document.getElementById('summary').textContent.includes('1 refused')");
    assert_eq!(browser.run("return window.isSamePage"), true);
    scene.act(&["down"]);
    browser.wait_for("#host", "✗ down");

    // An attempt that has no response is pending, and says when it is tried again.
    scene.act(&["register", "http://127.0.0.1:1/"]);
    scene.act(&["emit", "invoice-ready"]);
    browser.wait_for("#d3", "no response: ");
    browser.wait_for("#d3", "⌀ given up");
    browser.wait_for("#d3", "10 of 10");
    assert_eq!(browser.console(), Vec::<Value>::new());
}

#[test]
fn buttons_do_what_they_say() {
    let Some(scene) = Scene::set("1h") else { return };
    let browser = &scene.browser;
    scene.open_live();
    browser.press("Emit");
    browser.wait_for("#said", "delivery 1");
    browser.wait_for("#d1", "✓ delivered");
    browser.press("Forge");
    browser.wait_for("#said", "deliveries 2, 3, 4, 5, 6, 7, 8, 9");
    browser.wait_for("#counts", "9 · 1 delivered · 8 refused");
    browser.press("Send validation event");
    browser.wait_for("#said", "validation event ");
    browser.wait_for("#d10", "✓ delivered");

    let signer = browser.text(&browser.find("#signer"));
    browser.press("Rotate certificate");
    browser.wait_for("#said", "the signing certificate is rotated");
    wait_until(
        || (browser.text(&browser.find("#signer")) != signer).then_some(()),
        || format!("the certificate is still {signer}"),
    );
    browser.press("Revoke certificate");
    browser.wait_for("#signer", "revoked");
    browser.press("Stop certificate host");
    browser.wait_for("#host", "✗ down");
    browser.press("Start certificate host");
    browser.wait_for("#host", "✓ up");
    browser.write(&browser.named("Signature header"), "x-ms-signature");
    browser.press("Use this header");
    browser.wait_for("#signature-place", "x-ms-signature");

    // A refusal is said as one.
    let url = browser.named("Webhook URL");
    browser.clear(&url);
    browser.write(&url, "ftp://127.0.0.1/");
    browser.press("Register for all events");
    browser.wait_for("#refused", "`ftp://127.0.0.1/` is not an absolute http or https URL");
    let url = browser.named("Webhook URL");
    browser.clear(&url);
    browser.write(&url, "http://127.0.0.1:1/");
    browser.press("Register for all events");
    browser.wait_for("#said", "registered http://127.0.0.1:1/; number of events: 33");
    browser.wait_for("#webhook", "http://127.0.0.1:1/");
    assert_eq!(browser.text(&browser.find("#refused")), "");

    // The pause of an hour is cut short.
    browser.press("Emit");
    browser.wait_for("#d11", "1 of 10");
    browser.press("Deliver pending now");
    browser.wait_for("#d11", "2 of 10");
    assert_eq!(browser.console(), Vec::<Value>::new());
}

#[test]
fn an_event_can_be_edited_and_a_delivery_examined() {
    let Some(scene) = Scene::set("1ms") else { return };
    let browser = &scene.browser;
    scene.open_live();
    browser.write(&browser.named("Event"), "invoice-ready");
    browser.press("Edit first");
    let body = browser.find("#body");
    browser.wait_until("document.activeElement.id === 'body'");
    browser.wait_until("document.activeElement.value.includes('\"EventName\": \"invoice-ready\"')");
    browser.clear(&body);
    let edited = "{\n  \"EventName\": \"invoice-ready\",\n  \"a b\": \"c  d\"\n}";
    browser.write(&body, edited);
    browser.press("Emit edited event");
    browser.wait_for("#d1", "invoice-ready");
    assert_eq!(scene.deliveries()[0]["body"], edited);
    assert!(browser.all("#editor").is_empty());

    // What is refused is still in the editor.
    browser.press("Edit first");
    let body = browser.find("#body");
    browser.clear(&body);
    browser.write(&body, r#"{"EventName":"not-registered"}"#);
    browser.press("Emit edited event");
    browser.wait_for("#refused", "the event `not-registered` is not registered");
    browser.wait_until(r#"document.getElementById("body").value.includes("not-registered")"#);

    browser.press("Details of delivery 1");
    browser.wait_for("#detail-title", "Delivery 1: invoice-ready");
    browser.wait_until("document.activeElement.id === 'detail-title'");
    assert!(browser.url().ends_with("/emulator/?show=1#detail-title"), "{}", browser.url());
    browser.wait_for(
        "#request-head",
        "POST /webhooks/callback HTTP/1.1\ncontent-type: application/json",
    );
    assert_eq!(browser.text(&browser.find("#request-body")), edited);
    browser.wait_for("#attempt-1", "200 OK in ");
    browser.press("Replay");
    browser.wait_for("#d2", "replay of 1");
    browser.wait_for("#d2", "✓ delivered");
    browser.press("Edit and emit");
    browser.wait_until("document.activeElement.id === 'body'");
    assert_eq!(browser.run("return document.activeElement.value"), edited);
    browser.press("Close the details");
    browser.wait_until("!document.getElementById('detail')");
    browser.wait_until("document.activeElement.textContent === 'Details of delivery 1'");
    browser.back();
    browser.wait_for("#detail-title", "Delivery 1: invoice-ready");

    browser.write(&browser.named("Contains"), "replay");
    browser.press("Filter");
    browser.wait_until(
        "[...document.querySelectorAll('#rows tr')].map((row) => row.id).join() === 'd2'",
    );
}

#[test]
fn a_hostile_body_stays_text() {
    let Some(scene) = Scene::set("1ms") else { return };
    let browser = &scene.browser;
    scene.open_live();
    let directory = Directory::new();
    let hostile = r#"</script></pre></textarea><img src=x onerror="window.isOwned=1"><script>window.isOwned=1</script>{{ token }}"#;
    let body = json!({ "EventName": "invoice-ready", "ResourceName": hostile }).to_string();
    let file = directory.write("body.json", &body);
    scene.act(&["emit", "x", "--body", &file, "--wait"]);
    let file = directory.write("text.html", hostile);
    scene.act(&["emit", "x", "--body", &file]);
    browser.wait_for("#d2", "(no event)");
    for number in [1, 2] {
        let body = if number == 1 { &body } else { hostile };
        // By the patches of the script, and by the page as it is served.
        browser.press(&format!("Details of delivery {number}"));
        browser.wait_for("#detail-title", &format!("Delivery {number}: "));
        assert!(browser.text(&browser.find("#request-body")).contains("<img src=x onerror="));
        browser.press("Edit and emit");
        browser.wait_until(
            r#"document.getElementById("body")?.value.includes("<img src=x onerror=")"#,
        );
        scene.open(&format!("?show={number}&text=img&outcome=%3Cimg%20src%3Dx%3E"));
        browser.wait_for("#detail-title", &format!("Delivery {number}: "));
        let sent = "return (document.getElementById('sent-body') ?? document.getElementById('request-body')).textContent";
        assert_eq!(browser.run(sent), *body);
        assert_eq!(browser.run("return document.querySelectorAll('img').length"), 0);
        assert_eq!(browser.run("return document.scripts.length"), 1);
        scene.open_live();
    }
    assert_eq!(browser.run("return 'isOwned' in window"), false);
    // Nor could a script write HTML, or load something from elsewhere.
    let written = browser.run(
        "try { document.body.innerHTML = '<b>'; return 'written' } catch (error) { return error.name }",
    );
    assert_eq!(written, "TypeError");
}

#[test]
fn focus_survives_updates() {
    let Some(scene) = Scene::set("1ms") else { return };
    let browser = &scene.browser;
    scene.act(&["emit", "invoice-ready", "--wait"]);
    scene.open_live();

    // In a row, with the rows around it changing.
    browser.run("window.link = document.querySelector('#d1 a'); link.focus()");
    scene.act(&["emit", "invoice-ready", "--wait"]);
    browser.wait_for("#d2", "✓ delivered");
    assert_eq!(browser.run("return document.activeElement === link"), true);

    // In a field, with what was typed and selected.
    browser.press("Edit first");
    let body = browser.find("#body");
    browser.clear(&body);
    browser.write(&body, "typed");
    browser.run("document.getElementById('body').setSelectionRange(1, 3)");
    scene.act(&["emit", "invoice-ready", "--wait"]);
    browser.wait_for("#d3", "✓ delivered");
    let field = "const it = document.activeElement; return [it.id, it.value, it.selectionStart, it.selectionEnd]";
    assert_eq!(browser.run(field), json!(["body", "typed", 1, 3]));

    // In the details, which stay open, and on the text that is selected there.
    browser.press("Details of delivery 1");
    browser.wait_for("#detail-title", "Delivery 1");
    browser.run(
        "for (const it of document.querySelectorAll('#detail details')) it.open = true;
         getSelection().selectAllChildren(document.getElementById('curl'));",
    );
    browser.run("document.getElementById('close').focus()");
    scene.act(&["emit", "invoice-ready", "--wait"]);
    browser.wait_for("#d4", "✓ delivered");
    let state = "return [document.activeElement.id, String(getSelection()).startsWith('curl -i '),
        document.querySelectorAll('#detail details:not([open])').length]";
    assert_eq!(browser.run(state), json!(["close", true, 0]));

    // On the button that was pressed.
    browser.run("window.button = document.querySelector('#actions button.main'); button.focus(); button.click()");
    browser.wait_for("#d5", "✓ delivered");
    assert_eq!(browser.run("return document.activeElement === button"), true);
}

#[test]
fn the_page_reconnects_after_a_restart() {
    let Some(mut scene) = Scene::set("1ms") else { return };
    scene.act(&["emit", "invoice-ready", "--wait"]);
    scene.open_live();
    scene.browser.find("#d1");
    scene.browser.run("window.isSamePage = true");
    let address = scene.emulator.address.to_string();
    scene.emulator.signal("TERM");
    scene.emulator.wait_for_refusal();
    scene.browser.wait_until("document.getElementById('link').textContent !== 'live'");
    scene.browser.press("Rotate certificate");
    scene.browser.wait_for("#refused", "The emulator does not respond.");

    scene.emulator = emulate(&address, "1ms");
    scene.browser.wait_for("#link", "live");
    scene.browser.wait_until("!document.getElementById('d1')");
    scene.browser.wait_for("#webhook", "none is registered");
    // Its forms have the token of the new run.
    scene.browser.press("Stop certificate host");
    scene.browser.wait_for("#host", "✗ down");
    assert_eq!(scene.browser.run("return window.isSamePage"), true);
}

#[test]
fn it_works_without_a_script() {
    let Some(scene) = Scene::set("1ms") else { return };
    let browser = &scene.browser;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    scene.open("");
    assert_eq!(browser.text(&browser.find("noscript")), "Reload to see what is new");
    assert_eq!(browser.text(&browser.find("#link")), "");
    browser.press("Emit");
    browser.wait_for("#said", "delivery 1");
    let url = browser.url();
    assert!(url.ends_with("/emulator/?said=1"), "{url}");
    // A reload does not emit again.
    browser.open(&url);
    wait_until(
        || (scene.deliveries()[0]["outcome"] == "delivered").then_some(()),
        || "it is not delivered".to_owned(),
    );
    browser.press("Reload");
    browser.wait_for("#d1", "✓ delivered");
    browser.press("Details of delivery 1");
    browser.wait_for("#attempt-1", "200 OK in ");
    browser.press("Replay");
    browser.wait_for("#said", "delivery 2");
    browser.wait_for("#detail-title", "Delivery 1");
    browser.press("Edit first");
    browser.write(&browser.find("#body"), "\n");
    browser.press("Emit edited event");
    browser.wait_for("#said", "delivery 3");
    browser.press("Rotate certificate");
    browser.wait_for("#said", "the signing certificate is rotated");
    browser.write(&browser.named("Contains"), "replay");
    browser.press("Filter");
    browser.wait_for("#rows tr:only-child", "replay of 1");
    assert_eq!(scene.deliveries().len(), 3);
}

#[test]
fn every_control_has_a_role_and_a_name() {
    let Some(scene) = Scene::set("1ms") else { return };
    let browser = &scene.browser;
    scene.act(&["emit", "invoice-ready", "--wait"]);
    scene.open("?show=1");
    browser.press("Edit first");
    browser.find("#body");
    browser.run("for (const it of document.querySelectorAll('details')) it.open = true");
    let of = |selector: &str| -> Vec<(String, String)> {
        let elements = browser.all(selector);
        elements.iter().map(|it| (browser.role(it), browser.label(it))).collect()
    };
    let expect = |selector: &str, expected: &[(&str, &str)]| {
        let found = of(selector);
        let found: Vec<_> = found.iter().map(|(role, name)| (&**role, &**name)).collect();
        assert_eq!(found, expected, "{selector}");
    };
    expect(
        "#actions :is(input:not([type=hidden]), select, button), #deliveries :is(input, select, button)",
        &[
            ("textbox", "Webhook URL"),
            ("button", "Register for all events"),
            ("combobox", "Event"),
            ("button", "Emit"),
            ("button", "Edit first"),
            ("combobox", "Forgery"),
            ("button", "Forge"),
            ("button", "Send validation event"),
            ("button", "Deliver pending now"),
            ("button", "Rotate certificate"),
            ("button", "Revoke certificate"),
            ("button", "Stop certificate host"),
            ("button", "Start certificate host"),
            ("combobox", "Signature header"),
            ("button", "Use this header"),
            ("button", "Copy command"),
            ("button", "Copy Rust expression"),
            ("button", "Copy environment command"),
            ("combobox", "Outcome"),
            ("searchbox", "Contains"),
            ("button", "Filter"),
        ],
    );
    expect(
        "#detail :is(a, button, pre), #editor :is(a, button, textarea)",
        &[
            ("link", "Close the editor"),
            ("textbox", "Body, signed as it is"),
            ("button", "Emit edited event"),
            ("link", "Close the details"),
            ("button", "Replay"),
            ("button", "Edit and emit"),
            ("link", "Download request"),
            ("group", "request headers"),
            ("group", "body, with line breaks added"),
            ("group", "body as it is sent"),
            ("button", "Copy body as it is sent"),
            ("group", "curl command"),
            ("button", "Copy curl command"),
            ("group", "response headers of attempt 1"),
        ],
    );
    expect("#rows a", &[("link", "Details of delivery 1")]);
    expect("#rows th", &[("rowheader", "invoice-ready")]);
    expect(
        "header, main, section, [role=search], #said, #refused, #summary",
        &[
            ("banner", ""),
            ("main", ""),
            ("status", ""),
            ("alert", ""),
            ("region", "State"),
            ("region", "Edit subscription-updated"),
            ("region", "Actions"),
            ("region", "Delivery 1: invoice-ready"),
            ("region", "Deliveries"),
            ("search", "Filter deliveries"),
            ("status", ""),
        ],
    );
    expect("h1", &[("heading", "Partner Center emulator")]);
    // None is left out above.
    for (role, name) in
        of("a[href], button, input:not([type=hidden]), select, textarea, summary, form, [tabindex]")
    {
        assert!(!name.is_empty() && role != "generic", "{role} `{name}`");
    }
    assert_eq!(browser.run("return document.documentElement.lang"), "en");
    // The keyboard reaches the filter at once, and every control in turn.
    browser.run("document.activeElement.blur()");
    browser.write(&browser.find("body"), "/");
    browser.wait_until("document.activeElement.id === 'text'");
    let outlined = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.run(outlined), "solid");
}

#[test]
fn text_is_readable_in_both_colour_schemes() {
    let Some(scene) = Scene::set("1ms") else { return };
    let browser = &scene.browser;
    scene.act(&["emit", "invoice-ready", "--wait"]);
    scene.act(&["forge", "all", "--wait"]);
    scene.act(&["down"]);
    scene.act(&["revoke"]);
    scene.act(&["register", "http://127.0.0.1:1/"]);
    scene.act(&["emit", "invoice-ready"]);
    for scheme in ["light", "dark"] {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features }));
        scene.open("?show=1");
        browser.press("Edit first");
        browser.find("#body");
        browser.run("for (const it of document.querySelectorAll('details')) it.open = true");
        let measured = browser.run(CONTRASTS);
        let measured = measured.as_array().unwrap();
        assert!(measured.len() > 100, "{}", measured.len());
        for one in measured {
            let least = if one["isEdge"] == true { 3.0 } else { 4.5 };
            assert!(one["contrast"].as_f64().unwrap() >= least, "{scheme}: {one}");
        }
        let back = browser.run("return getComputedStyle(document.body).backgroundColor");
        let expected = if scheme == "light" { "rgb(244, 245, 247)" } else { "rgb(16, 19, 22)" };
        assert_eq!(back, expected);
    }
    // At the width of a small telephone, or zoomed in, nothing is cut off.
    let metrics = json!({ "width": 320, "height": 800, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", metrics);
    browser.wait_until("document.documentElement.scrollWidth <= 320");
}

/// Every text with the contrast to what is behind it, and the edge of every control with that around it.
const CONTRASTS: &str = r"
    const channels = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = ([red, green, blue]) => {
      const linear = [red, green, blue].map((it) => it / 255).map((it) => it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const contrast = (one, other) => {
      const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    };
    const behind = (element) => {
      for (let it = element; it; it = it.parentElement) {
        const color = channels(getComputedStyle(it).backgroundColor);
        if (color.length === 3 || color[3] === 1) return color;
      }
      return [255, 255, 255];
    };
    const measured = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const text = walker.currentNode.data.trim();
      if (!text || !element.checkVisibility()) continue;
      measured.push({ text, contrast: contrast(channels(getComputedStyle(element).color), behind(element)) });
    }
    for (const control of document.querySelectorAll('input:not([type=hidden]), select, textarea, button')) {
      if (!control.checkVisibility()) continue;
      const style = getComputedStyle(control);
      measured.push({ text: control.value, contrast: contrast(channels(style.color), behind(control)) });
      const edge = contrast(channels(style.borderTopColor), behind(control.parentElement));
      measured.push({ text: control.id || control.textContent, contrast: edge, isEdge: true });
    }
    return measured;
";
