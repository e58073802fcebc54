//! Compares the API with other servers: `wrpi-bench full`, `quick`, `streams`, `feeds` or `guard`.

mod document;
mod feeds;
mod footprint;
mod goals;
mod guard;
mod machine;
mod peers;
mod replicas;
mod report;
mod saturation;
mod statistics;
mod steady;
mod stream;
mod streams;
mod system;
mod target;
mod tls;

use anyhow::{Result, bail};

use goals::Effort;

const USAGE: &str = "usage: wrpi-bench full    measure everything and write the results into docs/performance.md
       wrpi-bench quick   measure everything, less precisely, and write nothing
       wrpi-bench streams measure only 10,000 streams
       wrpi-bench feeds   measure what many replicas cost Redis
       wrpi-bench guard   check the instructions and system calls of a request against their limits";

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("full") => document::record()?,
        Some("quick") => println!("{}", document::sections(&goals::measure(&Effort::QUICK)?)),
        Some("streams") => println!("{}", goals::streams_alone(&Effort::FULL)?),
        Some("feeds") => println!("{}", feeds::lines(&goals::simulate(&Effort::FULL)?)),
        Some("guard") => guard::check()?,
        _ => bail!(USAGE),
    }
    Ok(())
}
