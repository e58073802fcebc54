//! Secrets: each is in a variable or in a file that another variable names, and is never shown.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;

use secrecy::{ExposeSecret, SecretString};

use super::Reader;

/// The longest secret, in bytes: a longer one is a slip, and does not fit into the head of a request.
const LONGEST: usize = 4096;
const ALLOWED: &str = "up to 4096 bytes of UTF-8 text without control characters";
const ALLOWED_IN_FILE: &str = "a file of up to 4096 bytes of UTF-8 text without control characters, except one line \
                               end at the end";

impl Reader<'_> {
    /// The secret in the variable `name`, or in the file that `name` with `_FILE` behind it names. The end of that file's
    /// only line is dropped: LF or CR LF. `None` where neither is set, or what is set is empty (`unset` says what that
    /// means), or bad.
    pub fn secret(&mut self, name: &str, unset: &str, meaning: &str) -> Option<SecretString> {
        let file_name = format!("{name}_FILE");
        self.describe(name, unset, ALLOWED, meaning);
        let meaning = format!("File that holds `{name}`. Set only one of the two.");
        self.describe(&file_name, "unset", ALLOWED_IN_FILE, &meaning);
        let (given, path) = ((self.lookup)(name), (self.lookup)(&file_name));
        let (variable, secret, allowed) = match (given, path) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.refuse(&format!("{name} and {file_name}"), "are both set", "only one of them");
                return None;
            }
            (Some(given), None) => (name, parse(given.into_encoded_bytes()), ALLOWED),
            (None, Some(path)) => (&*file_name, from_file(&path), ALLOWED_IN_FILE),
        };
        match secret {
            Ok(secret) => Some(secret).filter(|secret| !secret.expose_secret().is_empty()),
            Err(wrong) => {
                self.refuse(variable, &wrong, allowed);
                None
            }
        }
    }

    /// Like [`Reader::secret`], but not having one is a problem.
    pub fn required_secret(&mut self, name: &str, meaning: &str) -> Option<SecretString> {
        let known = self.problems.len();
        let secret = self.secret(name, "required", meaning);
        if secret.is_none() && self.problems.len() == known {
            self.refuse(name, "is unset or empty", &format!("a password, here or in {name}_FILE"));
        }
        secret
    }
}

/// Reads a secret's file. What is wrong does not show the path: it may be the secret, set by mistake.
fn from_file(path: &OsStr) -> Result<SecretString, String> {
    let mut content = Vec::new();
    // One byte more than is allowed, with the line's end, so that even an endless file is found to be too long.
    let most = LONGEST as u64 + 3;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut content));
    read.map_err(|error| format!("names a file that cannot be read: {error}"))?;
    if content.ends_with(b"\n") {
        content.pop();
        content.pop_if(|last| *last == b'\r');
    }
    parse(content)
}

/// Takes what a user can send (RFC 7617, 2, forbids control characters) and an editor does not add unseen.
fn parse(content: Vec<u8>) -> Result<SecretString, String> {
    if content.len() > LONGEST {
        return Err(format!("has more than {LONGEST} bytes"));
    }
    let text = String::from_utf8(content).map_err(|_| "is not UTF-8")?;
    match text.chars().find(|c| c.is_control() || *c == '\u{feff}') {
        Some('\u{feff}') => Err("has a byte order mark".to_owned()),
        Some(control) => Err(format!("has the control character U+{:04X}", u32::from(control))),
        None => Ok(text.into()),
    }
}

/// What an error says of a value that is not meant to be secret; but a part of it may be, set by mistake.
pub(super) fn shown(given: &OsString) -> String {
    let text = given.to_string_lossy();
    // A URL with a password, and a key.
    if text.contains('@') || text.contains("PRIVATE KEY") {
        return "has a value that may hold a secret and is not shown".to_owned();
    }
    format!("is {given:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::load;

    fn secret(variable: Option<&str>, file: Option<&[u8]>) -> Result<Option<String>, String> {
        let file = file.map(|content| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&file, content).unwrap();
            file
        });
        let lookup = |name: &str| match name {
            "KEY" => variable.map(OsString::from),
            "KEY_FILE" => file.as_ref().map(|file| file.path().into()),
            _ => None,
        };
        load(&lookup, |reader| Some(reader.secret("KEY", "none", "Key.")))
            .map(|secret| secret.map(|secret| secret.expose_secret().to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_loses_one_line_end_and_may_be_empty() {
        for (content, expected) in [
            (&b"p:\xc3\xa4"[..], Some("p:ä")),
            (b"p:\xc3\xa4\n", Some("p:ä")),
            (b"p:\xc3\xa4\r\n", Some("p:ä")),
            (b" p ", Some(" p ")),
            (b"", None),
            (b"\n", None),
            (b"\r\n", None),
            (&[b'x'; LONGEST], Some(&*"x".repeat(LONGEST))),
            (&[&[b'x'; LONGEST][..], b"\r\n"].concat(), Some(&*"x".repeat(LONGEST))),
        ] {
            assert_eq!(secret(None, Some(content)).unwrap().as_deref(), expected, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn what_no_client_can_send_is_refused_and_not_shown() {
        for (content, wrong) in [
            (&b"hunter2\n\n"[..], "has the control character U+000A"),
            (b"hunter2\r\n\r\n", "has the control character U+000D"),
            (b"hunter2\r", "has the control character U+000D"),
            (b"hun\0ter2", "has the control character U+0000"),
            (b"hun\tter2", "has the control character U+0009"),
            (b"hunter2\x7f", "has the control character U+007F"),
            (b"hunter2\xc2\x85", "has the control character U+0085"),
            (b"\xef\xbb\xbfhunter2\r\n", "has a byte order mark"),
            (b"\xff\xfeh\0", "is not UTF-8"),
            (&[b'x'; LONGEST + 1], "has more than 4096 bytes"),
        ] {
            let told = secret(None, Some(content)).unwrap_err();
            assert_eq!(told, format!("KEY_FILE {wrong}; allowed: {ALLOWED_IN_FILE}"), "{}", content.escape_ascii());
            if let Ok(text) = std::str::from_utf8(content)
                && !text.contains('\0')
            {
                assert_eq!(secret(Some(text), None).unwrap_err(), format!("KEY {wrong}; allowed: {ALLOWED}"));
            }
        }
        assert_eq!(
            secret(Some("hunter2\n"), None).unwrap_err(),
            format!("KEY has the control character U+000A; allowed: {ALLOWED}")
        );
        assert_eq!(
            secret(Some("a"), Some(b"b")).unwrap_err(),
            "KEY and KEY_FILE are both set; allowed: only one of them"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_a_problem_and_its_path_may_be_the_secret() {
        for (path, wrong) in [
            ("hunter2", "No such file or directory (os error 2)"),
            ("", "No such file or directory (os error 2)"),
            ("/", "Is a directory (os error 21)"),
        ] {
            let lookup = |name: &str| (name == "KEY_FILE").then(|| path.into());
            let told = load(&lookup, |reader| Some(reader.secret("KEY", "none", "Key."))).unwrap_err().to_string();
            assert_eq!(told, format!("KEY_FILE names a file that cannot be read: {wrong}; allowed: {ALLOWED_IN_FILE}"));
        }
        let endless = |name: &str| (name == "KEY_FILE").then(|| "/dev/zero".into());
        let told = load(&endless, |reader| Some(reader.secret("KEY", "none", "Key."))).unwrap_err().to_string();
        assert_eq!(told, format!("KEY_FILE has more than 4096 bytes; allowed: {ALLOWED_IN_FILE}"));
    }
}
