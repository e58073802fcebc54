//! Checks the instructions and system calls of a request against limits. Unlike times, these counts hardly depend on
//! the machine's load.
//!
//! callgrind counts both in the release build. Bare hyper, which sends the same headers and body as the API's 200, is
//! counted on the same machine and built by the same compiler.

use std::fs::read_to_string;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use wrpi_test::{Api, Connection, Service, basic};

use crate::machine::Cores;
use crate::peers::{API, HYPER, start_hyper};
use crate::system::System;
use crate::target::Target;

/// Maximum instructions per response, in the order of [`api_targets`]: 200, 304, 401 without a password, 401 with a
/// wrong password.
const MAX_INSTRUCTIONS: [f64; 4] = [15_500.0, 15_500.0, 16_500.0, 19_500.0];
/// Maximum instructions of a 200, as a multiple of bare hyper's.
const MAX_RATIO: f64 = 1.8;
/// Maximum system calls in excess of bare hyper's, in the same order. callgrind counts each read of the clock as a
/// system call. The API's background tasks add up to 0.2.
const MAX_EXTRA_CALLS: [f64; 4] = [5.2, 5.2, 5.2, 5.2];
/// Requests before the counted ones. Both runs include them, and all work that a process does only once.
const WARM_UP: u32 = 500;
/// Requests that are counted.
const COUNTED: u32 = 4_000;
const UNAUTHENTICATED: &str = r#"{"error":"please authenticate to use this API","error_code":"forbidden"}"#;

/// Executed instructions and system calls.
#[derive(Clone, Copy, Debug)]
struct Counts {
    instructions: f64,
    calls: f64,
}

/// Counts, prints the results, and fails if a limit is exceeded.
pub(crate) fn check() -> Result<()> {
    let cores = Cores::find()?;
    Cores::pinned(cores.server, || {
        let (system, directory) = (System::start(cores)?, TempDir::new()?);
        let out = directory.path().join("callgrind.out");
        let out_file = format!("--callgrind-out-file={}", out.display());
        let wrapper = ["valgrind", "-q", "--tool=callgrind", "--collect-systime=yes", &out_file];

        let api = system.api()?;
        let targets = api_targets(&system, &api)?;
        let [ok, ..] = &targets;
        let answer = ok.check()?;
        drop(api);

        let hyper = system.target(HYPER, 0, Vec::new());
        let [hyper] = per_response(|| start_hyper(&wrapper, &answer), [&hyper], &out)?;
        println!("{HYPER}: {:.0} instructions, {:.2} system calls and clock reads", hyper.instructions, hyper.calls);

        let start_api = || {
            let api = system.spawn_api(&wrapper, &[]);
            api.becomes_ready();
            let port = api.port();
            (api.service, port)
        };
        let counts = per_response(start_api, targets.each_ref(), &out)?;
        let mut all_within_limits = true;
        println!("limit for a 200: {MAX_RATIO} times these instructions");
        // Only the first target, the 200, has a limit for the ratio.
        let mut max_ratio = Some(MAX_RATIO);
        let limits = MAX_INSTRUCTIONS.into_iter().zip(MAX_EXTRA_CALLS);
        for ((target, counts), (max, max_extra_calls)) in targets.iter().zip(counts).zip(limits) {
            let (ratio, extra_calls) = (counts.instructions / hyper.instructions, counts.calls - hyper.calls);
            let exceeds_ratio = max_ratio.take().is_some_and(|max_ratio| ratio > max_ratio);
            let exceeds_limit = counts.instructions > max || exceeds_ratio || extra_calls > max_extra_calls;
            all_within_limits &= !exceeds_limit;
            println!(
                "{}: {:.0} instructions (limit: {max}), {ratio:.2} times bare hyper; {extra_calls:+.2} calls (limit: {max_extra_calls:+}){}",
                target.name,
                counts.instructions,
                if exceeds_limit { ": LIMIT EXCEEDED" } else { "" },
            );
        }
        ensure!(all_within_limits, "a request exceeds its limits; docs/performance.md explains how to profile the API");
        Ok(())
    })
}

/// The requests to the API that get a 200, a 304, a 401 without a password, and a 401 with a wrong password.
fn api_targets(system: &System, api: &Api) -> Result<[Target; 4]> {
    let ok = system.target(API, api.port(), vec![api.service.id()]);
    let etag = ok.check()?.header("etag").context("no ETag")?.to_owned();
    let wrong = basic(&format!("any:{}", system.password.to_lowercase()));
    let not_modified = Target {
        name: "wrpi-api, 304",
        headers: [&ok.headers[..], &[("If-None-Match", etag)]].concat(),
        status: 304,
        body: String::new(),
        ..ok.clone()
    };
    let unauthenticated =
        |name, headers| Target { name, headers, status: 401, body: UNAUTHENTICATED.to_owned(), ..ok.clone() };
    let no_password = unauthenticated("wrpi-api, 401 without a password", Vec::new());
    let wrong_password = unauthenticated("wrpi-api, 401 with a wrong password", vec![("Authorization", wrong)]);
    Ok([ok, not_modified, no_password, wrong_password])
}

/// Counts what a server executes per response, for each of `targets`. `start` starts the server.
fn per_response<const N: usize>(
    start: impl Fn() -> (Service, u16),
    targets: [&Target; N],
    out: &Path,
) -> Result<[Counts; N]> {
    let usual = targets.first().context("no target")?;
    let first = run(start(), usual, usual, 0, out)?;
    let mut counts = [first; N];
    for (target, counts) in targets.into_iter().zip(&mut counts) {
        let all = run(start(), usual, target, COUNTED, out)?;
        let each = |all: f64, first: f64| (all - first) / f64::from(COUNTED);
        *counts =
            Counts { instructions: each(all.instructions, first.instructions), calls: each(all.calls, first.calls) };
    }
    Ok(counts)
}

/// Sends [`WARM_UP`] requests to `usual`, then `count` to `target`, and stops the server. Returns the counts of its
/// whole run.
fn run((mut server, port): (Service, u16), usual: &Target, target: &Target, count: u32, out: &Path) -> Result<Counts> {
    let [usual, target] = [usual, target].map(|target| Target { port, ..target.clone() });
    usual.wait_until_correct()?;
    let mut connection = Connection::open(&usual.address())?;
    for _ in 0..WARM_UP {
        usual.ask(&mut connection)?;
    }
    for _ in 0..count {
        target.ask(&mut connection)?;
    }
    drop(connection);
    server.terminate();
    server.wait();
    let found = read_to_string(out).context("callgrind wrote no counts")?;
    parse(&found).with_context(|| format!("cannot parse the counts of callgrind: {found}"))
}

/// Parses the totals of a whole run.
fn parse(found: &str) -> Option<Counts> {
    let line = |name: &str| found.lines().find_map(|line| line.strip_prefix(name)).map(str::split_whitespace);
    let mut totals = line("events:")?.zip(line("totals:").or_else(|| line("summary:"))?);
    let mut total = |name: &str| totals.find(|(event, _)| *event == name)?.1.parse().ok();
    Some(Counts { instructions: total("Ir")?, calls: total("sysCount")? })
}
