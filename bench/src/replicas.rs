//! The delay from a write in Redis until every replica serves the reading.

use std::thread::sleep;
use std::time::Instant;

use anyhow::Result;

use crate::stream::{PAUSE, Writer, open};
use crate::system::{System, body};
use crate::target::{Target, read_until};

/// Starts `count` API processes and writes `writes` readings as the updater does. Returns the milliseconds from before
/// each write until a client has received the reading on a stream of each replica.
///
/// After this time, each replica must also answer a GET with the reading. The API processes use all cores, because real
/// replicas run on many.
pub(crate) fn propagation(system: &System, count: usize, writes: u32) -> Result<Vec<f64>> {
    let apis = (0..count).map(|_| system.api()).collect::<Result<Vec<_>>>()?;
    let mut streams = apis.iter().map(|api| Ok(open(&system.stream_of(api))?.0)).collect::<Result<Vec<_>>>()?;
    let mut writer = Writer::connect(system)?;
    let mut times = Vec::new();
    for number in 1..=writes {
        let body = body(number)?;
        sleep(PAUSE);
        let start = Instant::now();
        writer.write(number)?;
        for stream in &mut streams {
            read_until(&body, stream)?;
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
        for api in &apis {
            let target = system.target("a replica", api.port(), Vec::new());
            Target { body: body.clone(), ..target }.check()?;
        }
    }
    system.write_first();
    Ok(times)
}
