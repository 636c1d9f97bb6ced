//! What a callback costs, each figure beside the raw primitive in the same run.
//!
//! `cargo bench --all-features --bench receive` prints the table. Things that are compared take turns of a millisecond,
//! and a ratio is the median over all turns, so that a machine that slows down slows both. Targets are goals and not
//! limits: a busy machine may miss them, and the run still ends well. Without `--bench`, as under
//! `cargo test --benches`, everything runs once or twice, for its assertions alone.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench prints, and may fail")]

use std::alloc::System;
use std::collections::HashMap;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use futures_util::future::{FutureExt as _, join_all, poll_fn};
use futures_util::stream;
use http::{Request, Response, StatusCode};
use partner_center_webhooks::axum::Callback;
use partner_center_webhooks::chain::{Certificate, ChainVerifier, PublicKey};
use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::crypto::{AwsLcRs, Backend, RustCrypto};
use partner_center_webhooks::duplicates::{Attempt, DuplicateGuard, InMemory, Settled};
use partner_center_webhooks::envelope::{SignatureAlgorithm, SignatureEnvelope};
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::source::{
    Authorities, CertificateBundle, CertificateSource, CertificateUrl, DistributionLocation,
    SourceError, StatusRefusal,
};
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer};
use partner_center_webhooks::{ErrorKind, Event, Receiver};
use rustls_pki_types::UnixTime;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tower::ServiceExt as _;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// 300 bytes, of the shape that is documented for `subscription-updated`.
const BODY: &str = r#"{"EventName":"subscription-updated","ResourceUri":"https://api.partnercenter.microsoft.com/webhooks/v1/customers/4cfba01c/subscriptions/bf8c56ab","ResourceName":"subscription","AuditUri":"https://api.partnercenter.microsoft.com/v1/auditrecords/4cfba","ResourceChangeUtcDate":"2017-11-16T16:19:06.35"}"#;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, flag, what, calls, ..] = &*arguments
        && flag == "--count"
    {
        return Bench::new(TRIAL).count(what, calls.parse().expect("a number"));
    }
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let bench = Bench::new(if is_bench { EARNEST } else { TRIAL });
    println!(
        "{:<62} {:>12} {:>12} {:>12} {:>8}  target",
        "what", "minimum", "median", "raw", "ratio"
    );
    let rsa = bench.cached_signer();
    bench.allocations();
    bench.two_threads();
    bench.refusals(rsa);
    bench.chain();
    bench.cold();
    bench.event();
    bench.rustcrypto();
    bench.axum();
    bench.crowd(rsa);
    bench.floods();
    bench.duplicates();
}

/// How much is done.
struct Effort {
    turns: usize,
    turn: Duration,
    crowd: u32,
    flood: u64,
}

const EARNEST: Effort =
    Effort { turns: 501, turn: Duration::from_millis(1), crowd: 10_000, flood: 100_000 };

const TRIAL: Effort = Effort { turns: 1, turn: Duration::ZERO, crowd: 50, flood: 100 };

/// One signer, one callback, and the primitive that verifies it.
struct Bench {
    effort: Effort,
    issuer: Issuer,
    signer: Signer,
    callback: SignedRequest,
    public_key: Vec<u8>,
    raw_key: ParsedPublicKey,
    signature: Vec<u8>,
}

impl Bench {
    fn new(effort: Effort) -> Self {
        let issuer = Issuer::new().expect("an issuer");
        let signer = issuer.signer().expect("a signer");
        let callback = signer.callback(BODY).expect("a callback");
        assert_eq!(callback.body.len(), 300);
        let certificate = Certificate::parse(signer.certificate()).expect("a certificate");
        let PublicKey::Rsa { der, .. } = certificate.public_key() else {
            unreachable!("signers have RSA keys")
        };
        let envelope = SignatureEnvelope::from_headers(&callback.headers).expect("an envelope");
        Self {
            raw_key: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).expect("a key"),
            public_key: der.to_vec(),
            signature: envelope.signature().to_vec(),
            effort,
            issuer,
            signer,
            callback,
        }
    }

    /// Makes so many calls, for a tool that counts instructions: see `instructions.sh`.
    fn count(&self, what: &str, calls: u32) {
        let receiver = self.receiver();
        for _ in 0..calls {
            match what {
                "hit" => self.hit(&receiver),
                _ => self.raw(),
            }
        }
    }

    /// The target of the whole: one RSA verification, and little else. Returns what the raw one takes.
    fn cached_signer(&self) -> f64 {
        let receiver = self.receiver();
        let [ours, raw] = self.measure([&mut || self.hit(&receiver), &mut || self.raw()]);
        let ratio = ours.ratio(&raw);
        let goal = goal("≤ 1.05 ×", ratio <= 1.05);
        beside("Receiver::verify, cached signer, 300 bytes", &ours, &raw, &goal);

        let algorithm = SignatureAlgorithm::RsaSha512;
        let callback = self.signer.callback_with(algorithm, BODY).expect("signed");
        let [ours, raw] = self.measure([&mut || verify(&receiver, &callback), &mut || self.raw()]);
        beside("  the same with rsa-sha512, beside rsa-sha256", &ours, &raw, "");

        let receive = || {
            let body = self.callback.body.as_ref();
            let received = receiver.receive(&self.callback.headers, body);
            let received = received.now_or_never().expect("a hit").expect("an event");
            black_box(received.event().name());
        };
        let [ours, raw] = self.measure([&mut { receive }, &mut || self.raw()]);
        beside("Receiver::receive, the event read too", &ours, &raw, "");
        raw.median()
    }

    fn allocations(&self) {
        let receiver = self.receiver();
        let region = Region::new(ALLOCATOR);
        self.hit(&receiver);
        let change = region.change();
        row(
            "Receiver::verify, cached signer, allocations",
            &format!("{} bytes", change.bytes_allocated),
            &(change.allocations + change.reallocations).to_string(),
            "",
            None,
            &goal("0", change.allocations == 0),
        );
    }

    /// Two threads share one receiver; what the machine has to give is what the primitive gains. Of each the fastest
    /// turn counts: in the others something else had the second core.
    fn two_threads(&self) {
        let receiver = self.receiver();
        let turn = self.effort.turn.saturating_mul(20);
        let things: [&(dyn Fn() + Sync); 2] = [&|| self.raw(), &|| self.hit(&receiver)];
        let mut times = [const { Times(Vec::new()) }; 4];
        for _ in 0..self.effort.turns.div_ceil(10) {
            let runs = things.iter().flat_map(|thing| [(1, thing), (2, thing)]);
            for ((threads, thing), times) in runs.zip(&mut times) {
                times.0.push(1.0 / calls_per_second(threads, turn, thing));
            }
        }
        let [raw_one, raw_two, one, two] = times;
        let [raw_gain, gain] =
            [raw_one.minimum() / raw_two.minimum(), one.minimum() / two.minimum()];
        for (what, two, one, gain, target) in [
            ("two threads beside one, the raw primitive", &raw_two, &raw_one, raw_gain, ""),
            (
                "two threads beside one, Receiver::verify",
                &two,
                &one,
                gain,
                &*goal("≥ 1.9 ×", gain >= 1.9),
            ),
        ] {
            let (minimum, median) = (time(two.minimum()), time(two.median()));
            row(what, &minimum, &median, &time(one.minimum()), Some(gain), target);
        }
    }

    /// What is refused for its headers costs neither a fetch nor a signature.
    fn refusals(&self, rsa: f64) {
        let refused = |what: &str, kind: ErrorKind, callback: SignedRequest| {
            let source = self.served();
            let receiver = self.receiver_over(&source).build().expect("a receiver");
            let [ours] = self.measure([&mut || {
                let verified = receiver.verify(&callback.headers, callback.body.as_ref());
                let error = verified.now_or_never().expect("no fetch").expect_err("refused");
                assert_eq!(black_box(error).kind(), kind);
            }]);
            assert_eq!(source.fetches(), 0, "{what}");
            row(
                &format!("refusing {what}, 0 fetches"),
                &time(ours.minimum()),
                &time(ours.median()),
                &time(rsa),
                Some(ours.median() / rsa),
                &goal("≤ 1 µs", ours.median() <= 1e-6),
            );
        };
        let with = |name, value: &str| {
            let callback = self.callback.clone();
            callback.with_header(name, value.as_bytes()).expect("a header")
        };
        let elsewhere = "https://evil.blob.core.windows.net/cert/a.cer";
        let no_signature = self.callback.clone().without_header("authorization");
        refused("an algorithm", ErrorKind::Envelope, with("x-ms-signature-algorithm", "rsa-sha1"));
        refused("base64", ErrorKind::Envelope, with("authorization", "Signature ?"));
        refused("a missing header", ErrorKind::Envelope, no_signature);
        refused("a URL", ErrorKind::Location, with("x-ms-certificate-url", elsewhere));
    }

    fn chain(&self) {
        let chain = self.chain_verifier();
        let algorithm = *AwsLcRs::new().certificate_algorithms().first().expect("RSA");
        let [ours, raw] = self.measure([
            &mut || {
                let verified = chain.verify(self.signer.certificate(), &[], self.issuer.now());
                black_box(verified.expect("trusted").fingerprint());
            },
            &mut || {
                for _ in 0..2 {
                    let key = black_box(&self.public_key);
                    let verified =
                        algorithm.verify_signature(key, BODY.as_bytes(), &self.signature);
                    verified.expect("genuine");
                }
            },
        ]);
        beside("ChainVerifier::verify, 3 certificates, beside 2 signatures", &ours, &raw, "");
    }

    fn event(&self) {
        let [ours, raw] = self.measure([
            &mut || drop(black_box(Event::from_slice(black_box(BODY.as_bytes())))),
            &mut || {
                let body = black_box(BODY.as_bytes());
                drop(black_box(serde_json::from_slice::<serde_json::Value>(body)));
            },
        ]);
        beside("Event::from_slice, beside serde_json::Value", &ours, &raw, "");
    }

    fn rustcrypto(&self) {
        let backends: [&dyn Backend; 2] = [&RustCrypto::new(), &AwsLcRs::new()];
        let [mut ours, mut raw] = backends.map(|backend| {
            let key = backend.rsa_key(&self.public_key).expect("a key");
            move || {
                let sha256 = backend.sha256(black_box(BODY.as_bytes()));
                let algorithm = SignatureAlgorithm::RsaSha256;
                key.verify(algorithm, BODY.as_bytes(), &sha256, &self.signature).expect("genuine");
            }
        });
        let [ours, raw] = self.measure([&mut ours, &mut raw]);
        beside("RustCrypto, beside AwsLcRs", &ours, &raw, "");
    }

    /// A receiver that knows nothing: certificate, two issuers and two revocation lists are fetched, from memory.
    fn cold(&self) {
        let top = Issuer::new().expect("an issuer");
        let base = "http://pki.example/";
        let bottom = self
            .issuer
            .with_root_name("CN=Throw-away Bridge,O=Microsoft Corporation,L=Redmond,ST=WA,C=US")
            .and_then(|issuer| issuer.published_at(base))
            .expect("an issuer");
        let bridge = bottom.cross_signed_by(&top).expect("a cross-signature");
        let mut pages: HashMap<_, _> = bottom
            .publications()
            .expect("publications")
            .into_iter()
            .map(|(path, bytes)| (format!("{base}{path}"), Bytes::from(bytes)))
            .collect();
        let root = "http://pki.example/certs/Throw-away%20TLS%20RSA%20Root%20G2.crt";
        pages.insert(root.to_owned(), Bytes::copy_from_slice(&bridge));
        let location = DistributionLocation::none().also_allow(base).expect("a prefix");
        let authorities = Authorities::new(Arc::new(Pages(pages)))
            .with_issuer_location(location.clone())
            .with_revocation_list_location(location);
        let signer = bottom.signer().expect("a signer");
        let served = Served::certificate(signer.certificate().clone());
        let callback = signer.callback(BODY).expect("a callback");
        let now = self.issuer.now();
        let anchors = top.anchors().expect("anchors");
        let start = || {
            let chain = ChainVerifier::new(AwsLcRs::new(), anchors.clone());
            ReceiverBuilder::new(chain, served.clone())
                .authorities(authorities.clone())
                .clock(move || now)
                .build()
                .expect("a receiver")
        };
        let receiver = start();
        let verified = finish(receiver.verify(&callback.headers, &callback.body)).expect("genuine");
        assert_eq!(verified.signer().path().len(), 3, "two issuers and an anchor");
        assert!(verified.signer().revocation_lists_end().is_some());
        let [ours, raw] = self.measure([
            &mut || {
                let receiver = start();
                let verified = finish(receiver.verify(&callback.headers, &callback.body));
                drop(black_box(verified.expect("genuine")));
            },
            &mut || self.raw(),
        ]);
        let goal = goal("≤ 20 ms", ours.median() <= 0.020);
        beside("cold: 2 issuers, 2 revocation lists, then the callback", &ours, &raw, &goal);
    }

    /// The adapter should cost what the route costs without it, and one RSA verification.
    fn axum(&self) {
        async fn verified(Callback(received): Callback) {
            black_box(received.event().name());
        }
        async fn read(body: Bytes) {
            black_box(body);
        }
        let receiver = self.receiver();
        self.hit(&receiver);
        let verified = Router::new().route("/", post(verified)).with_state(receiver);
        let read = Router::new().route("/", post(read));
        let [ours, baseline, raw] = self.measure([
            &mut || assert_eq!(self.post(&verified, self.callback.body.clone()), StatusCode::OK),
            &mut || assert_eq!(self.post(&read, self.callback.body.clone()), StatusCode::OK),
            &mut || self.raw(),
        ]);
        let limit = baseline.and(&raw);
        let ratio = limit.ratio(&ours);
        row(
            "axum with verification, beside the route alone and one RSA",
            &time(ours.minimum()),
            &time(ours.median()),
            &time(limit.median()),
            Some(ratio),
            &goal("≥ 0.9 ×", ratio >= 0.9),
        );
        beside("  the same beside the route alone", &ours, &baseline, "");
    }

    /// All at once, and nothing cached: the futures are polled in turn, and the source answers when each has been.
    fn crowd(&self, rsa: f64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        let source = self.served();
        let receiver = self.receiver_over(&source).build().expect("a receiver");
        let body = self.callback.body.as_ref();
        let start = Instant::now();
        let outcomes = runtime.block_on(join_all(
            (0..self.effort.crowd).map(|_| receiver.verify(&self.callback.headers, body)),
        ));
        let taken = start.elapsed().as_secs_f64();
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(source.fetches(), 1);
        let raw = rsa * f64::from(self.effort.crowd);
        row(
            &format!("{} callbacks at once, cold: 1 fetch; total", self.effort.crowd),
            &time(taken),
            &time(taken),
            &time(raw),
            Some(taken / raw),
            &goal("1 fetch", true),
        );
    }

    /// Ten callbacks a second for hours, none of them good: what they leave on the heap.
    fn floods(&self) {
        let locations = Cloud::Global.certificate_locations();
        let location = locations.first().expect("a location");
        let made_up = |number| {
            let url = format!("{location}made-up-{number}.cer");
            self.callback
                .clone()
                .with_header("x-ms-certificate-url", url.as_bytes())
                .expect("a header")
        };
        self.flood("distinct certificate URLs, absent", &Served::absent(), made_up);
        self.flood("distinct certificate URLs, all good", &self.served(), made_up);
        self.flood("forged signatures", &self.served(), |number| {
            self.callback.clone().with_body(format!("{BODY}{number}"))
        });
        let long = Bytes::from(vec![b' '; 256 * 1024 + 1]);
        self.flood("bodies over the limit", &self.served(), |_| {
            self.callback.clone().with_body(long.clone())
        });

        async fn nothing(_: Callback) {}
        let receiver = self.receiver();
        let router = Router::new().route("/", post(nothing)).with_state(receiver);
        let chunk = long.slice(..16 * 1024);
        self.watch("bodies over the limit, streamed to axum", |_| {
            let chunks = std::iter::repeat_n(chunk.clone(), 64).map(Ok::<_, std::fmt::Error>);
            let status = self.post(&router, Body::from_stream(stream::iter(chunks)));
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
            0
        });
    }

    fn flood(&self, what: &str, source: &Served, callback: impl Fn(u64) -> SignedRequest) {
        let time = Arc::new(AtomicU64::new(self.issuer.now().as_secs()));
        let clock = Arc::clone(&time);
        let receiver = self
            .receiver_over(source)
            .clock(move || {
                UnixTime::since_unix_epoch(Duration::from_secs(clock.load(Ordering::Relaxed)))
            })
            .build()
            .expect("a receiver");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        self.watch(what, |number| {
            time.fetch_add(u64::from(number % 10 == 0), Ordering::Relaxed);
            let callback = callback(number);
            let verified = receiver.verify(&callback.headers, callback.body.as_ref());
            drop(black_box(runtime.block_on(verified)));
            source.fetches()
        });
    }

    /// Heap in use after a tenth of the flood, and what the rest adds.
    fn watch(&self, what: &str, mut call: impl FnMut(u64) -> usize) {
        let tenth = self.effort.flood / 10;
        for number in 0..tenth {
            call(number);
        }
        let before = live();
        let fetches = (tenth..self.effort.flood).map(&mut call).last().unwrap_or(0);
        let after = live();
        row(
            &format!("heap under {} {what}", self.effort.flood),
            &format!("{before} B"),
            &format!("{after} B"),
            &format!("{fetches} fetches"),
            None,
            &goal("flat", after <= before.saturating_add(16 * 1024)),
        );
    }

    /// Twice as many callbacks as the guard has room for.
    fn duplicates(&self) {
        let capacity = usize::try_from(self.effort.flood).expect("a capacity");
        let guard: Arc<dyn DuplicateGuard> = Arc::new(
            InMemory::new().with_capacity(NonZeroUsize::new(capacity).expect("a capacity")),
        );
        let before = live();
        for number in 0..self.effort.flood * 2 {
            let mut bytes = [0; 32];
            for (to, from) in bytes.iter_mut().zip(number.to_le_bytes()) {
                *to = from;
            }
            let digest = BodyDigest::from_bytes(bytes);
            let attempt = Attempt::claim(&guard, digest).now_or_never();
            let attempt = attempt.expect("memory").expect("not seen before");
            let settled = attempt.complete().now_or_never();
            assert_eq!(settled, Some(Ok(Settled::Current)));
        }
        let each = live().abs_diff(before) / capacity;
        row(
            &format!("heap for {capacity} callbacks remembered, each"),
            &format!("{each} B"),
            "",
            "",
            None,
            &goal("≤ 200 B", each <= 200),
        );
    }

    fn chain_verifier(&self) -> ChainVerifier {
        ChainVerifier::new(AwsLcRs::new(), self.issuer.anchors().expect("an anchor"))
            .with_intermediates(self.issuer.intermediates())
    }

    fn served(&self) -> Served {
        Served::certificate(self.signer.certificate().clone())
    }

    fn receiver_over(&self, source: &Served) -> ReceiverBuilder {
        ReceiverBuilder::new(self.chain_verifier(), source.clone())
    }

    /// A receiver that has its signer, and reads the system's clock as in production.
    fn receiver(&self) -> Receiver {
        let source = self.served();
        let receiver = self.receiver_over(&source).build().expect("a receiver");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        assert!(runtime.block_on(receiver.warm_up()).is_empty());
        receiver
    }

    #[inline(never)]
    fn hit(&self, receiver: &Receiver) {
        verify(receiver, &self.callback);
    }

    #[inline(never)]
    fn raw(&self) {
        let body = black_box(self.callback.body.as_ref());
        self.raw_key.verify_sig(body, &self.signature).expect("genuine");
    }

    fn post(&self, router: &Router, body: impl Into<Body>) -> StatusCode {
        let mut request = Request::post("/").body(body.into()).expect("a request");
        request.headers_mut().clone_from(&self.callback.headers);
        let answer = router.clone().oneshot(request).now_or_never();
        answer.expect("nothing waits").expect("infallible").status()
    }

    /// Lets `things` take turns.
    fn measure<const N: usize>(&self, mut things: [&mut dyn FnMut(); N]) -> [Times; N] {
        let calls = things.each_mut().map(|thing| self.calls_of_a_turn(thing));
        let mut times = [const { Times(Vec::new()) }; N];
        for _ in 0..self.effort.turns {
            for ((thing, calls), times) in things.iter_mut().zip(calls).zip(&mut times) {
                let start = Instant::now();
                for _ in 0..calls {
                    thing();
                }
                times.0.push(start.elapsed().as_secs_f64() / f64::from(calls));
            }
        }
        times
    }

    fn calls_of_a_turn(&self, thing: &mut dyn FnMut()) -> u32 {
        let mut calls = 1;
        loop {
            let start = Instant::now();
            for _ in 0..calls {
                thing();
            }
            if start.elapsed() >= self.effort.turn {
                return calls;
            }
            calls *= 2;
        }
    }
}

/// A hit: it never waits.
/// Drives a future that waits for nothing but being asked again.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Some(done) = future.as_mut().now_or_never() {
            return done;
        }
    }
}

/// Bytes of heap in use.
fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.abs_diff(stats.bytes_deallocated)
}

fn verify(receiver: &Receiver, callback: &SignedRequest) {
    let verified = receiver.verify(&callback.headers, black_box(callback.body.as_ref()));
    let verified = verified.now_or_never().expect("a hit").expect("genuine");
    black_box(verified.digest());
}

fn calls_per_second(threads: usize, turn: Duration, thing: &(dyn Fn() + Sync)) -> f64 {
    let barrier = Barrier::new(threads);
    let run = || {
        barrier.wait();
        let start = Instant::now();
        let mut calls = 0_u32;
        loop {
            thing();
            calls += 1;
            if start.elapsed() >= turn {
                return f64::from(calls) / start.elapsed().as_secs_f64();
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let rates = threads.into_iter().map(|thread| thread.join().expect("no panic"));
        rates.sum()
    })
}

/// Seconds a call, turn by turn.
struct Times(Vec<f64>);

impl Times {
    fn minimum(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn median(&self) -> f64 {
        median(self.0.iter().copied())
    }

    /// One after the other.
    fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one + other).collect())
    }

    fn ratio(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn beside(what: &str, ours: &Times, raw: &Times, target: &str) {
    let (minimum, median) = (time(ours.minimum()), time(ours.median()));
    row(what, &minimum, &median, &time(raw.median()), Some(ours.ratio(raw)), target);
}

fn row(what: &str, minimum: &str, median: &str, raw: &str, ratio: Option<f64>, target: &str) {
    let ratio = ratio.map(|ratio| format!("{ratio:.3}")).unwrap_or_default();
    println!("{what:<62} {minimum:>12} {median:>12} {raw:>12} {ratio:>8}  {target}");
}

/// Unoptimized builds are not judged.
fn goal(target: &str, is_met: bool) -> String {
    match is_met || cfg!(debug_assertions) {
        true => target.into(),
        false => format!("{target} MISSED"),
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-5 => format!("{:.0} ns", seconds * 1e9),
        _ if seconds < 1e-2 => format!("{:.2} µs", seconds * 1e6),
        _ => format!("{:.1} ms", seconds * 1e3),
    }
}

/// A source that counts, and answers when it is asked again: as the network, it is never ready at once.
#[derive(Clone, Debug)]
struct Served {
    bundle: Option<CertificateBundle>,
    fetches: Arc<AtomicUsize>,
}

impl Served {
    fn certificate(certificate: rustls_pki_types::CertificateDer<'static>) -> Self {
        Self { bundle: Some(CertificateBundle::new(certificate, Vec::new())), ..Self::absent() }
    }

    fn absent() -> Self {
        Self { bundle: None, fetches: Arc::default() }
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }
}

impl CertificateSource for Served {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let mut was_asked = false;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                match std::mem::replace(&mut was_asked, true) {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            })
            .await;
            self.bundle
                .clone()
                .ok_or_else(|| SourceError::Status(Box::new(StatusRefusal::new(url.as_str(), 404))))
        })
    }
}

/// An HTTP client that answers from memory, at once.
#[derive(Debug)]
struct Pages(HashMap<String, Bytes>);

impl HttpClient for Pages {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        let page = self.0.get(&request.uri().to_string()).cloned();
        let mut response = Response::new(page.clone().unwrap_or_default());
        if page.is_none() {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        Box::pin(std::future::ready(Ok(response)))
    }
}
