//! The first ten minutes of a Rust developer, line by line, on the emulator.

use crate::process::{program, run};
use crate::running::Running;

#[test]
fn the_first_ten_minutes_of_a_rust_developer() {
    // $ partner-center demo
    let demo = run::<&str>("demo", &[]);
    assert_eq!(demo.code, Some(0));
    let sums: Vec<_> = demo.stdout.lines().rev().take(2).collect();
    assert_eq!(sums[1], "accepted   33 of 33 events");
    assert!(sums[0].starts_with("refused     8 of  8 forgeries   another-body 401 · "), "{sums:?}");
    assert!(sums[0].ends_with(" · weak-algorithm 400"), "{sums:?}");

    // $ partner-center emulate
    let usual = ["emulate", "--listen", "127.0.0.1:0", "--ephemeral"];
    let emulator = Running::spawn(program().args(usual));
    let url = &emulator.url;
    emulator.wait_for_log("in Rust: ");
    assert_eq!(
        emulator.log(),
        format!(
            "ready: {url}\npage: {url}/emulator/\ntry: partner-center receive --danger-trust-emulator {url} --print\nin Rust: \
             testing::Emulator::trust(\"{url}\")\n"
        )
    );

    // The line that it says to try, on a free port.
    let receiver = Running::receiver(&["--danger-trust-emulator", url]);
    assert_eq!(run("emulate register", &[&receiver.url, "--emulator", url]).code, Some(0));

    // $ partner-center emulate emit subscription-updated --wait
    let emitted = run("emulate emit subscription-updated --wait", &["--emulator", url]);
    assert_eq!((emitted.code, &*emitted.stderr), (Some(0), ""));
    let words: Vec<_> = emitted.stdout.split_whitespace().collect();
    assert_eq!(words[..5], ["delivery", "1", "subscription-updated", "200", "in"]);
    assert_eq!(words[6..], ["ms", "delivered"]);

    // $ partner-center emulate forge all --wait ; echo $?
    let forged = run("emulate forge all --wait", &["--emulator", url]);
    assert_eq!((forged.code, &*forged.stdout), (Some(0), "8 forgeries, 8 refused\n"));

    // $ partner-center emulate emit subscripton-updated
    let misspelled = run("emulate emit subscripton-updated", &["--emulator", url]);
    assert_eq!(misspelled.code, Some(2));
    let start = "error: no event `subscripton-updated`\n  try: partner-center emulate emit subscription-updated\n";
    assert!(misspelled.stderr.starts_with(start), "{}", misspelled.stderr);
}
