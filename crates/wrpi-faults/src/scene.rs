//! A running system under a constant load, and the checks that must pass after every fault.

use std::collections::HashSet;
use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wrpi_test::{Api, Load, Monitor, Proxy, Redis, Response, Seen, Service, binary, eventually, random_password};

use crate::outcome::Outcome;
use crate::pair::Pair;

/// Requests per second.
pub(crate) const RATE: u32 = 2_000;
/// Maximum time from the end of a fault until the newest reading is served.
const MAX_RECOVERY: Duration = Duration::from_millis(2_500);
/// How much memory the allocator may keep after a fault.
const SLACK_KIB: u64 = 4 * 1024;
/// The ACL of the API's Redis user, as in the deployments.
const API_RIGHTS: [&str; 5] = ["~wrpi-*", "+mget", "+select", "+hello", "+client|tracking"];

/// How a scene differs from the default.
#[derive(Default)]
pub(crate) struct Setup {
    /// Further arguments of `redis-server`.
    pub(crate) redis: &'static [&'static str],
    /// Number of further replicas of the API.
    pub(crate) more_apis: usize,
    /// A command that runs the API, which is its last argument.
    pub(crate) wrapper: &'static [&'static str],
    /// Further variables of the API.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// Redis, the API, a proxy between them, and a load on the API.
pub(crate) struct Scene {
    pub(crate) redis: Redis,
    pub(crate) proxy: Proxy,
    pub(crate) apis: Vec<Api>,
    pub(crate) load: Load,
    redis_arguments: Vec<String>,
    redis_password: String,
    /// Every body that may be served.
    written: HashSet<String>,
    last_number: u32,
    /// The longest recovery that keeps the promise.
    pub(crate) max_recovery: Duration,
    /// Open descriptors and KiB of memory before the fault.
    base: (usize, u64),
}

impl Scene {
    /// Starts a system and waits for its steady state: clients have sent requests for a second.
    pub(crate) fn start(setup: Setup) -> Self {
        let (password, redis_password) = (random_password(), random_password());
        let login = format!(">{redis_password}");
        let redis_arguments = [&["--user", "api", "on", &login], &API_RIGHTS[..], setup.redis].concat();
        let redis = Redis::start_with(&redis_arguments);
        let proxy = Proxy::start(redis.port());
        let proxy_port = proxy.port().to_string();
        let mut environment = vec![
            ("REDIS_PORT", proxy_port.as_str()),
            ("REDIS_USER", "api"),
            ("REDIS_PASS", &redis_password),
            ("APP_PASSWORD", &password),
        ];
        environment.extend(setup.environment.iter().map(|(name, value)| (*name, value.as_str())));
        let first = Pair::numbered(0);
        redis.write(&first.value, &first.time);
        let apis: Vec<_> = (0..=setup.more_apis).map(|_| Api::wrapped(setup.wrapper, &redis, &environment)).collect();
        apis.iter().for_each(|api| api.serves(&first.body()));
        let addresses: Vec<_> = apis.iter().map(|api| api.address.clone()).collect();
        let load = Load::start(&addresses, &password, RATE);
        sleep(Duration::from_secs(1));
        let base = usage(&apis[0]);
        let written = HashSet::from([first.body()]);
        let redis_arguments = redis_arguments.into_iter().map(str::to_owned).collect();
        Self {
            redis,
            proxy,
            apis,
            load,
            redis_arguments,
            redis_password,
            written,
            last_number: 0,
            max_recovery: MAX_RECOVERY,
            base,
        }
    }

    /// Writes the next reading directly to Redis. Returns the body with which the API serves it.
    pub(crate) fn write(&mut self) -> String {
        self.last_number += 1;
        let pair = Pair::numbered(self.last_number);
        self.redis.write(&pair.value, &pair.time);
        self.written.insert(pair.body());
        pair.body()
    }

    /// Runs an updater that must store its reading. Returns the body with which the API serves it.
    pub(crate) fn updater_stores(&mut self, more: &[(&'static str, String)]) -> String {
        let mut updater = self.updater(more);
        assert_eq!(updater.wait().code(), Some(0), "{:#?}", updater.output());
        let body = Pair::stored(&self.redis).expect("a reading is stored").body();
        self.written.insert(body.clone());
        body
    }

    /// Sends a request to the first replica.
    pub(crate) fn ask(&self) -> Response {
        self.apis[0].get()
    }

    /// Writes the next reading and waits until a client sees it. Returns the time from `end` until then.
    pub(crate) fn recovery(&mut self, end: Instant) -> Duration {
        let newest = self.write();
        self.load.first(&newest) - end
    }

    /// Replaces Redis with an empty one at the address that the API uses. Returns the old one, which keeps running.
    pub(crate) fn replace_redis(&mut self) -> Redis {
        let arguments: Vec<_> = self.redis_arguments.iter().map(String::as_str).collect();
        let before = std::mem::replace(&mut self.redis, Redis::start_with(&arguments));
        self.proxy.set_server(self.redis.port());
        before
    }

    /// Makes Redis accept the API's password, or only another one if not `admitted`.
    pub(crate) fn admit_api(&self, admitted: bool) {
        let password = if admitted { self.redis_password.clone() } else { random_password() };
        self.redis.cli(&["ACL", "SETUSER", "api", "resetpass", &format!(">{password}")]);
    }

    /// Starts an updater that writes to this Redis, with further variables.
    pub(crate) fn updater(&self, more: &[(&'static str, String)]) -> Service {
        Service::spawn(&binary("updater"), [&self.redis.environment(), more].concat())
    }

    /// Runs the updater, which must fail with a message that contains `why`.
    pub(crate) fn updater_fails(&self, why: &str) {
        let mut updater = self.updater(&[("UPDATE_DEADLINE", "2s".into())]);
        assert_eq!(updater.wait().code(), Some(1));
        let output = updater.output().join("\n");
        assert!(output.contains(why), "no {why:?} in {output}");
    }

    /// Like [`Scene::end`], after updaters have written. Recovery is the time from `end` until their last reading is
    /// served.
    pub(crate) fn end_of_updaters(mut self, monitor: &Monitor, end: Instant) -> Outcome {
        let last = Pair::stored(&self.redis).expect("a reading is stored");
        let written = eventually(|| Pair::all_written(monitor), |written| written.last() == Some(&last));
        self.written.extend(written.iter().map(Pair::body));
        let recovery = self.load.first(&last.body()) - end;
        self.end(recovery)
    }

    /// Stops the load and runs the checks.
    pub(crate) fn end(self, recovery: Duration) -> Outcome {
        self.end_with_absence(recovery, None)
    }

    /// Like [`Scene::end`], but requests may fail while the API is `absent`.
    pub(crate) fn end_with_absence(self, recovery: Duration, absent: Option<Range<Instant>>) -> Outcome {
        sleep(Duration::from_millis(500));
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem)
            }
        };
        check(recovery < self.max_recovery, format!("recovered only after {recovery:?}"));

        let api = &self.apis[0];
        let (descriptors, memory) = self.base;
        let now = eventually(|| usage(api), |now| now.0 <= descriptors || now.1 > memory + SLACK_KIB);
        check(now.0 <= descriptors, format!("{} descriptors, {descriptors} before", now.0));
        check(now.1 <= memory + SLACK_KIB, format!("{} KiB of memory, {memory} before", now.1));

        let stored = Pair::stored(&self.redis).map(|pair| pair.body());
        let served = self.ask().body;
        check(Some(&served) == stored.as_ref(), format!("served {served}, but Redis has {stored:?}"));

        let due = self.load.due();
        let Seen { sent, failures, longest_gap, bodies, .. } = self.load.stop();
        check(sent * 100 > due * 95, format!("the machine is too slow: {sent} of {due} requests sent"));
        for torn in bodies.keys().filter(|body| !self.written.contains(*body)) {
            check(false, format!("served a reading that was never written: {torn}"));
        }
        let is_excused = |at| absent.as_ref().is_some_and(|absent| absent.contains(at));
        let unexcused: Vec<_> = failures.iter().filter(|(at, _)| !is_excused(at)).map(|(_, what)| what).collect();
        let some = &unexcused[..unexcused.len().min(5)];
        check(unexcused.is_empty(), format!("{} requests failed, among them {some:?}", unexcused.len()));
        Outcome { sent, failed: failures.len(), longest_gap, recovery, problems }
    }
}

/// Open descriptors, and KiB of memory.
fn usage(api: &Api) -> (usize, u64) {
    (api.service.descriptors(), api.service.resident_kib())
}
