//! The command line.

use crate::support::binary::{print, run};

#[test]
fn accepts_help_version_and_healthcheck_and_nothing_else() {
    let help = print("--help");
    assert_eq!(help, print("-h"));
    assert!(help.contains("\n  healthcheck\n"), "{help}");
    assert!(
        help.contains("\n  APP_PASSWORD [required]\n      Password of all clients. They may send any user name. "),
        "{help}"
    );
    for flag in ["--version", "-V"] {
        assert_eq!(print(flag), concat!("wrpi-api ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    for arguments in [&["serve"][..], &["--port", "8080"], &["healthcheck", "now"], &["--help=all"], &[""]] {
        let output = run(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        let line = format!("arguments are {arguments:?}; allowed: none, healthcheck, --help or --version\n");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), line);
    }
}
