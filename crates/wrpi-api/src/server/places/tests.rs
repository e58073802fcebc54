//! Which connection is evicted.

use super::*;

use std::net::{Ipv4Addr, Shutdown};
use std::os::unix::net::UnixStream;

use prometheus::Registry;
use tokio::sync::watch;

use crate::metrics::Metrics;

fn places(max: usize) -> Arc<Places> {
    let metrics = Metrics::register(Registry::new(), watch::channel(None).1).unwrap();
    Places::new(max, metrics.connections("public", max)).unwrap()
}

/// A new connection: its place, its client and its socket. `None` if it is refused.
fn take(places: &Arc<Places>) -> Option<(Place, UnixStream, UnixStream)> {
    let (client, socket) = UnixStream::pair().unwrap();
    let place = places.take(Ipv4Addr::LOCALHOST.into(), &socket)?;
    Some((place, client, socket))
}

#[test]
fn a_newcomer_evicts_the_oldest_that_never_authenticated_and_nobody_else() {
    let places = places(3);
    let take = || take(&places).unwrap();
    let (first, second, third) = (take(), take(), take());
    second.0.connection.set_authenticated();
    let fourth = take();
    assert!(first.0.connection.evicted.is_cancelled() && !third.0.connection.evicted.is_cancelled());
    fourth.0.connection.set_authenticated();
    let fifth = take();
    assert!(third.0.connection.evicted.is_cancelled());
    fifth.0.connection.set_authenticated();
    assert!(super::tests::take(&places).is_none(), "all have authenticated");
    assert!(![&second, &fourth, &fifth].iter().any(|(place, ..)| place.connection.evicted.is_cancelled()));
    drop((first, third));
    assert!(super::tests::take(&places).is_none(), "an evicted connection frees no second place");
    drop(second);
    let _sixth = take();
    assert_eq!(places.metrics.active.get(), 3);
    assert_eq!((places.metrics.evicted.get(), places.metrics.refused.get()), (2, 2));
}

#[test]
fn newcomers_evict_unauthenticated_connections_from_the_oldest_on() {
    let places = places(3);
    let open = [(); 6].map(|()| take(&places).unwrap());
    assert_eq!(
        open.each_ref().map(|(place, ..)| place.connection.evicted.is_cancelled()),
        [true, true, true, false, false, false]
    );
    open[4].0.connection.set_authenticated();
    let newer = [(); 2].map(|()| take(&places).unwrap());
    let all = open.iter().chain(&newer).map(|(place, ..)| place.connection.evicted.is_cancelled());
    assert_eq!(all.collect::<Vec<_>>(), [true, true, true, true, false, true, false, false]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_newcomer_evicts_those_whose_clients_have_closed_their_sending_side_before_all_others() {
    let places = places(300);
    let mut open: Vec<_> = (0..300).map(|_| take(&places).unwrap()).collect();
    // Some have authenticated. The oldest has not, and is open.
    open.iter().skip(1).step_by(2).for_each(|(place, ..)| place.connection.set_authenticated());
    let closed = 100..250;
    for (_, client, _) in &open[closed.clone()] {
        client.shutdown(Shutdown::Write).unwrap();
    }
    // One of them has ended already, and has given its place back.
    drop(open.remove(100));
    let new: Vec<_> = (0..150).map(|_| take(&places).unwrap()).collect();
    let evicted = |open: &[(Place, UnixStream, UnixStream)]| {
        open.iter().filter(|(place, ..)| place.connection.evicted.is_cancelled()).count()
    };
    assert_eq!((evicted(&open[100..249]), evicted(&open), evicted(&new)), (149, 149, 0));
    assert_eq!((places.metrics.half_closed.get(), places.metrics.evicted.get()), (149, 0));
    let _one_more = take(&places).unwrap();
    assert!(open[0].0.connection.evicted.is_cancelled(), "the oldest that has never authenticated is next");
    assert_eq!((places.metrics.half_closed.get(), places.metrics.evicted.get()), (149, 1));
    assert_eq!(places.metrics.active.get(), 300);
}
