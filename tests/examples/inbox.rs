//! The inbox: five callbacks, of which two are repeated.

use std::fs;
use std::path::Path;

use crate::process::run;

fn stored(stdout: &str, state: &str) -> usize {
    stdout.lines().filter(|line| line.starts_with(&format!("{state:<9} "))).count()
}

#[test]
fn each_event_is_stored_once_and_handled_once() {
    let ended = run::<&str>("inbox", &[]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{}", ended.stdout);
    assert_eq!(stored(&ended.stdout, "New"), 3, "{}", ended.stdout);
    assert_eq!(stored(&ended.stdout, "Duplicate"), 2, "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().last(), Some("3 done"));
}

/// Each run signs with an issuer of its own, and the bodies are the same: the file remembers them.
#[test]
fn a_file_that_is_kept_remembers() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let directory = directory.join(format!("inbox-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("inbox.db").to_str().unwrap().to_owned();
    for new in [3, 0] {
        let ended = run("inbox", &[&file]);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{}", ended.stdout);
        assert_eq!(stored(&ended.stdout, "New"), new, "{}", ended.stdout);
        assert_eq!(ended.stdout.lines().last(), Some("3 done"));
    }
    fs::remove_dir_all(directory).unwrap();
}
