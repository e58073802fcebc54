//! Secrets: each comes from a variable, or from a file whose path is in another variable. They are never shown.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;

use secrecy::{ExposeSecret, SecretString};

use super::Reader;

/// Maximum length of a secret in bytes. A longer one is most likely a mistake, and too long for a request header.
const LONGEST: usize = 4096;
const ALLOWED: &str = "up to 4096 bytes of UTF-8 text without control characters";
const ALLOWED_IN_FILE: &str = "a file of up to 4096 bytes of UTF-8 text without control characters, except one \
                               trailing newline";

impl Reader<'_> {
    /// The secret in the variable `name`, or in the file whose path is in `name` with the suffix `_FILE`. One trailing
    /// LF or CR LF of the file is dropped. `None` if neither variable is set, or if the secret is empty or invalid.
    /// `unset` describes the effect of having none.
    pub fn secret(&mut self, name: &str, unset: &str, meaning: &str) -> Option<SecretString> {
        let file_name = format!("{name}_FILE");
        self.describe(name, unset, ALLOWED, meaning);
        let meaning = format!("File that holds `{name}`. Set only one of the two.");
        self.describe(&file_name, "unset", ALLOWED_IN_FILE, &meaning);
        let (raw, path) = ((self.lookup)(name), (self.lookup)(&file_name));
        let (variable, secret, allowed) = match (raw, path) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.reject(&format!("{name} and {file_name}"), "are both set", "only one of them");
                return None;
            }
            (Some(raw), None) => (name, parse(raw.into_encoded_bytes()), ALLOWED),
            (None, Some(path)) => (&*file_name, from_file(&path), ALLOWED_IN_FILE),
        };
        match secret {
            Ok(secret) => Some(secret).filter(|secret| !secret.expose_secret().is_empty()),
            Err(wrong) => {
                self.reject(variable, &wrong, allowed);
                None
            }
        }
    }

    /// Like [`Reader::secret`], but reports a problem if there is none.
    pub fn required_secret(&mut self, name: &str, meaning: &str) -> Option<SecretString> {
        let known = self.problems.len();
        let secret = self.secret(name, "required", meaning);
        if secret.is_none() && self.problems.len() == known {
            self.reject(name, "is unset or empty", &format!("a password, here or in {name}_FILE"));
        }
        secret
    }
}

/// Reads the file of a secret. The error does not show the path: someone may have set the secret itself by mistake.
fn from_file(path: &OsStr) -> Result<SecretString, String> {
    let mut content = Vec::new();
    // Reads one byte more than the maximum plus CR LF, so a file that is too long, even an endless one, is detected.
    let most = LONGEST as u64 + 3;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut content));
    read.map_err(|error| format!("names a file that cannot be read: {error}"))?;
    if content.ends_with(b"\n") {
        content.pop();
        content.pop_if(|last| *last == b'\r');
    }
    parse(content)
}

/// Rejects control characters, which a client cannot send (RFC 7617, section 2), and a byte order mark, which editors
/// add invisibly.
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

/// How an error shows the value of a setting that is not a secret. It may still contain one by mistake.
pub(super) fn shown(raw: &OsString) -> String {
    let text = raw.to_string_lossy();
    // A URL with a password, or a private key.
    if text.contains('@') || text.contains("PRIVATE KEY") {
        return "has a value that is not shown because it may contain a secret".to_owned();
    }
    format!("is {raw:?}")
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
    fn drops_one_trailing_newline_of_a_file_and_accepts_an_empty_file() {
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
    fn rejects_secrets_that_no_client_can_send_without_showing_them() {
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
            let shown = secret(None, Some(content)).unwrap_err();
            assert_eq!(shown, format!("KEY_FILE {wrong}; allowed: {ALLOWED_IN_FILE}"), "{}", content.escape_ascii());
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
    fn rejects_an_unreadable_file_without_showing_its_path() {
        for (path, wrong) in [
            ("hunter2", "No such file or directory (os error 2)"),
            ("", "No such file or directory (os error 2)"),
            ("/", "Is a directory (os error 21)"),
        ] {
            let lookup = |name: &str| (name == "KEY_FILE").then(|| path.into());
            let shown = load(&lookup, |reader| Some(reader.secret("KEY", "none", "Key."))).unwrap_err().to_string();
            assert_eq!(
                shown,
                format!("KEY_FILE names a file that cannot be read: {wrong}; allowed: {ALLOWED_IN_FILE}")
            );
        }
        let endless = |name: &str| (name == "KEY_FILE").then(|| "/dev/zero".into());
        let shown = load(&endless, |reader| Some(reader.secret("KEY", "none", "Key."))).unwrap_err().to_string();
        assert_eq!(shown, format!("KEY_FILE has more than 4096 bytes; allowed: {ALLOWED_IN_FILE}"));
    }
}
