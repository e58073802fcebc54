//! Bounds on what a request costs that no clock has a part in: instructions and calls of the kernel, counted by
//! callgrind in the released binary, against what bare hyper needs to send the same answer to a 200, on the same
//! machine and built by the same compiler.

use std::fs::read_to_string;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use wrpi_test::{Api, Connection, Service, basic};

use crate::machine::Cores;
use crate::peers::{API, HYPER, start_hyper};
use crate::system::System;
use crate::target::Target;

/// Instructions of an answer, in the order of [`api_targets`]: 200, 304, 401 without a password and with a wrong one.
const MOST_INSTRUCTIONS: [f64; 4] = [15_500.0, 15_500.0, 16_500.0, 19_500.0];
/// Instructions of a 200 as a multiple of bare hyper's, which sends the same headers and body.
const MOST_RATIO: f64 = 1.8;
/// System calls beyond bare hyper's, in the same order. Reading the clock counts: for callgrind it is a system call. The
/// API's own tasks, such as the heartbeat to Redis, add up to 0.2.
const MOST_CALLS: [f64; 4] = [5.2, 5.2, 5.2, 5.2];
/// Requests before those that count: what a process does but once is in both runs.
const FIRST: u32 = 500;
const COUNTED: u32 = 4_000;
const UNAUTHENTICATED: &str = r#"{"error":"please authenticate to use this API","error_code":"forbidden"}"#;

/// What was executed.
#[derive(Clone, Copy, Debug)]
struct Counts {
    instructions: f64,
    calls: f64,
}

/// Counts, prints, and fails where a bound is broken.
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
        let [hyper] = per_answer(|| start_hyper(&wrapper, &answer), [&hyper], &out)?;
        println!("{HYPER}: {:.0} instructions, {:.2} system calls and clock reads", hyper.instructions, hyper.calls);

        let start_api = || {
            let api = system.spawn_api(&wrapper, &[]);
            api.becomes_ready();
            let port = api.port();
            (api.service, port)
        };
        let counts = per_answer(start_api, targets.each_ref(), &out)?;
        let mut is_kept = true;
        println!("at most {MOST_RATIO} of those for a 200");
        let mut most_ratio = Some(MOST_RATIO);
        for (((target, counts), most), most_calls) in targets.iter().zip(counts).zip(MOST_INSTRUCTIONS).zip(MOST_CALLS)
        {
            let (ratio, more) = (counts.instructions / hyper.instructions, counts.calls - hyper.calls);
            let is_beyond = most_ratio.take().is_some_and(|most_ratio| ratio > most_ratio);
            let is_dear = counts.instructions > most || is_beyond || more > most_calls;
            is_kept &= !is_dear;
            println!(
                "{}: {:.0} instructions (at most {most}), {ratio:.2} of bare hyper; {more:+.2} calls (at most {most_calls:+}){}",
                target.name,
                counts.instructions,
                if is_dear { ": ABOVE THE LIMIT" } else { "" },
            );
        }
        ensure!(is_kept, "a request costs more than its limit; `docs/performance.md` says how to find out why");
        Ok(())
    })
}

/// What is asked of the API: what it answers with 200, 304 and 401.
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

/// What the server that `start` starts executes for an answer to each of `targets`.
fn per_answer<const N: usize>(
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

/// Runs a server from its start to its end: some answers to `usual`, then `count` to `target`.
fn run((mut server, port): (Service, u16), usual: &Target, target: &Target, count: u32, out: &Path) -> Result<Counts> {
    let [usual, target] = [usual, target].map(|target| Target { port, ..target.clone() });
    usual.becomes_right()?;
    let mut connection = Connection::open(&usual.address())?;
    for _ in 0..FIRST {
        usual.ask(&mut connection)?;
    }
    for _ in 0..count {
        target.ask(&mut connection)?;
    }
    drop(connection);
    server.terminate();
    server.wait();
    let found = read_to_string(out).context("callgrind wrote nothing")?;
    parse(&found).with_context(|| format!("not as callgrind writes: {found}"))
}

/// Reads the totals of the whole run.
fn parse(found: &str) -> Option<Counts> {
    let line = |name: &str| found.lines().find_map(|line| line.strip_prefix(name)).map(str::split_whitespace);
    let mut totals = line("events:")?.zip(line("totals:").or_else(|| line("summary:"))?);
    let mut total = |name: &str| totals.find(|(event, _)| *event == name)?.1.parse().ok();
    Some(Counts { instructions: total("Ir")?, calls: total("sysCount")? })
}
