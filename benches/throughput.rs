//! Requests a second of the axum adapter, beside the same route without verification, by an external load generator.
//!
//! `benches/throughput.sh` installs `wrk` if it is missing, and runs this. Routes take turns: one that only reads the body, one
//! that does nothing more but the RSA primitive on a parsed key and a decoded signature, and one that verifies and reads the
//! event. What verification may cost is one RSA verification, so the goal is nine tenths of
//! `1 / (1 / baseline + t_rsa / cores)`.
//!
//! The script runs it twice. First server and generator have a core each, so that the generator's own cost, which depends on
//! how many answers wait for it, is not in the figures; `busy` says how much of its cores the server took while it only read:
//! below 1, the generator was the limit. Then both share all cores.
//!
//! A round in which the machine changed its speed, by `t_rsa` before and after, is left out.
//!
//! `t_rsa` is the primitive alone in a hot loop. The route with the primitive alone shows how much of the formula a server
//! reaches, and the last column what the crate costs beyond it.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use partner_center_webhooks::axum::Callback;
use partner_center_webhooks::chain::{Certificate, PublicKey};
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::envelope::SignatureEnvelope;
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer};
use tokio::net::TcpListener;

/// 300 bytes, of the shape that is documented for `subscription-updated`.
const BODY: &str = r#"{"EventName":"subscription-updated","ResourceUri":"https://api.partnercenter.microsoft.com/webhooks/v1/customers/4cfba01c/subscriptions/bf8c56ab","ResourceName":"subscription","AuditUri":"https://api.partnercenter.microsoft.com/v1/auditrecords/4cfba","ResourceChangeUtcDate":"2017-11-16T16:19:06.35"}"#;
const CONNECTIONS: &str = "64";
const ROUTES: [&str; 3] = ["read", "primitive", "verified"];
const SECONDS: &str = "1s";
const ROUNDS: usize = 9;
const MAX_ROUNDS: usize = 36;

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("skipped: run benches/throughput.sh");
        return Ok(());
    }
    let issuer = Issuer::new()?;
    let signer = issuer.signer()?;
    let callback = signer.callback(BODY)?;
    let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    let key = Arc::new(parsed_key(&signer)?);
    let envelope = SignatureEnvelope::from_headers(&callback.headers)?;
    let signature = envelope.signature().to_vec();
    let primitive = async move |body: Bytes| match key.verify_sig(&body, &signature) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::UNAUTHORIZED,
    };
    let router = Router::new()
        .route("/read", post(async |body: Bytes| drop(black_box(body))))
        .route("/primitive", post(primitive))
        .route(
            "/verified",
            post(async |Callback(received): Callback| {
                black_box(received.event().name());
            }),
        )
        .with_state(receiver);

    let runtime = tokio::runtime::Runtime::new()?;
    let address = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok::<_, std::io::Error>(address)
    })?;

    let cores = std::thread::available_parallelism()?.get();
    let cores = f64::from(u32::try_from(cores)?);
    println!(
        "{cores} cores; {CONNECTIONS} connections, {SECONDS} a turn, {ROUNDS} rounds; requests a second"
    );
    println!(
        "{:>10} {:>10} {:>5} {:>10} {:>10} {:>10} {:>9} {:>9} {:>12}",
        "t_rsa",
        "read",
        "busy",
        "primitive",
        "verified",
        "formula",
        "primitive",
        "verified",
        "of primitive"
    );
    let (mut ratios, mut left_out) = (Vec::new(), 0_usize);
    for number in 0..MAX_ROUNDS {
        let rsa = rsa_seconds(&signer, &callback)?;
        let (mut rates, mut busy) = ([0.0; 3], 0.0);
        let mut turns: Vec<_> = ROUTES.into_iter().zip(&mut rates).collect();
        // Whoever comes first may find another machine than whoever comes last.
        turns.rotate_left(number % ROUTES.len());
        for (route, rate) in turns {
            let (begin, before) = (Instant::now(), cpu_seconds()?);
            *rate = load(address, route, &callback)?;
            if route == "read" {
                busy = (cpu_seconds()? - before) / begin.elapsed().as_secs_f64() / cores;
            }
        }
        let [read, primitive, verified] = rates;
        if (rsa_seconds(&signer, &callback)? / rsa - 1.0).abs() > 0.03 {
            left_out = left_out.saturating_add(1);
            continue; // the machine is not what it was at the beginning of the round
        }
        let formula = 1.0 / (1.0 / read + rsa / cores);
        let round = [primitive / formula, verified / formula, verified / primitive];
        let [first, second, third] = round;
        println!(
            "{:>7.1} µs {read:>10.0} {busy:>5.2} {primitive:>10.0} {verified:>10.0} {formula:>10.0} {first:>9.3} {second:>9.3} {third:>12.3}",
            rsa * 1e6,
        );
        ratios.push(round);
        if ratios.len() == ROUNDS {
            break;
        }
    }
    let [primitive, verified, of_primitive] =
        [0, 1, 2].map(|column| median(ratios.iter().filter_map(|turn| turn.get(column).copied())));
    println!(
        "medians of {} rounds ({left_out} left out): the primitive {primitive:.3} of the formula, verified {verified:.3} (goal: at least 0.9); \
         verified {of_primitive:.3} of the primitive",
        ratios.len()
    );
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// CPU time of this process, in seconds (Linux; hundredths).
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
    // Fields 14 and 15 of proc(5); the state after the name is the third.
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = ticks.map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

/// Requests a second that a route answers, all of which have to be answered with 200.
fn load(address: SocketAddr, route: &str, callback: &SignedRequest) -> Result<f64, Box<dyn Error>> {
    let mut command = match std::env::var("GENERATOR_CORE") {
        Ok(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &core, "wrk"]);
            command
        }
        Err(_) => Command::new("wrk"),
    };
    command.args(["-t1", "-c", CONNECTIONS, "-d", SECONDS]);
    command.args(["-s", concat!(env!("CARGO_MANIFEST_DIR"), "/benches/throughput.lua")]);
    command.env("BODY", BODY);
    for (name, value) in &callback.headers {
        command.args(["-H", &format!("{name}: {}", value.to_str()?)]);
    }
    let output = command.arg(format!("http://{address}/{route}")).output();
    let output = output.map_err(|error| format!("wrk: {error} (run benches/throughput.sh)"))?;
    let report = String::from_utf8(output.stdout)?;
    let rate = report.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    match rate {
        Some(rate) if !report.contains("Non-2xx") && !report.contains("Socket errors") => {
            Ok(rate.trim().parse()?)
        }
        _ => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            Err(format!("not all requests were answered with 2xx: {report}{complaint}").into())
        }
    }
}

fn parsed_key(signer: &Signer) -> Result<ParsedPublicKey, Box<dyn Error>> {
    let certificate = Certificate::parse(signer.certificate())?;
    let PublicKey::Rsa { der, .. } = certificate.public_key() else {
        return Err("signers have RSA keys".into());
    };
    Ok(ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)?)
}

/// Seconds that the primitive takes: the least of some turns.
fn rsa_seconds(signer: &Signer, callback: &SignedRequest) -> Result<f64, Box<dyn Error>> {
    let key = parsed_key(signer)?;
    let envelope = SignatureEnvelope::from_headers(&callback.headers)?;
    let mut least = f64::INFINITY;
    for _ in 0..50 {
        let start = Instant::now();
        for _ in 0..100 {
            key.verify_sig(black_box(&callback.body), envelope.signature())?;
        }
        least = least.min(start.elapsed().as_secs_f64() / 100.0);
    }
    Ok(least)
}
