//! Streams of readings, from the head of the response to the last event.
//!
//! [`events`] says what is due on a stream and when. Over HTTP/2, each stream waits for that in a loop of its own, and
//! `hyper` sends it. Over HTTP/1.1, `hyper` sends only the head and the first event. Then the server takes the socket back,
//! and [`tail`] sends all other events: [`broadcast`] writes each event to one socket after the other, because waking the
//! task of each stream would cost as much as the write. A stream without `hyper` also takes a quarter of the memory.

pub(crate) mod broadcast;
pub(crate) mod events;
pub(crate) mod tail;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::body::Body;
use futures_util::StreamExt;
use futures_util::stream::{iter, poll_fn, unfold};
use http::Version;

use crate::connection::ConnectionState;
use events::{Events, StreamTail};

/// The part of the response that `hyper` sends. Over HTTP/1, `connection` gets the tail.
pub(crate) fn body(events: Events, version: Version, connection: Arc<ConnectionState>) -> Body {
    if version >= Version::HTTP_2 { whole(events, connection) } else { first(events, version, connection) }
}

fn whole(events: Events, connection: Arc<ConnectionState>) -> Body {
    Body::from_stream(unfold((events, connection), async |(mut events, connection)| {
        let part = events.next().await?;
        connection.touch(Instant::now());
        Some((Ok::<_, Infallible>(part.event), (events, connection)))
    }))
}

fn first(mut events: Events, version: Version, connection: Arc<ConnectionState>) -> Body {
    let first = events.due(Instant::now()).map(|part| Ok::<_, Infallible>(part.event));
    let mut tail = Some(StreamTail { events, is_chunked: version == Version::HTTP_11 });
    Body::from_stream(iter(first).chain(poll_fn(move |_| {
        if let Some(tail) = tail.take() {
            *connection.stream.lock() = Some(tail);
        }
        Poll::Pending
    })))
}
