//! Requests a second of the axum adapter, beside the same route without verification, by an external load generator.
//!
//! `benches/throughput.sh` installs `oha` if it is missing, and runs this. Generator and server share the machine, and take
//! turns: the route that only reads the body, then the one that verifies, several times over. What verification may cost is
//! one RSA verification, so the goal is nine tenths of `1 / (1 / baseline + t_rsa / cores)`.
//!
//! On a machine that is not quiet, rates say little. The last column compares the same things in CPU time, of server and
//! generator together, which neighbours disturb less: (a request without verification + one RSA) / a request with it.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Instant;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use partner_center_webhooks::axum::Callback as Extracted;
use partner_center_webhooks::chain::{Certificate, PublicKey};
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::envelope::SignatureEnvelope;
use partner_center_webhooks::testing::{Callback, Issuer, Signer};
use serde_json::Value;
use tokio::net::TcpListener;

/// 300 bytes, of the shape that is documented for `subscription-updated`.
const BODY: &str = r#"{"EventName":"subscription-updated","ResourceUri":"https://api.partnercenter.microsoft.com/webhooks/v1/customers/4cfba01c/subscriptions/bf8c56ab","ResourceName":"subscription","AuditUri":"https://api.partnercenter.microsoft.com/v1/auditrecords/4cfba","ResourceChangeUtcDate":"2017-11-16T16:19:06.35"}"#;
const CONNECTIONS: &str = "64";
const SECONDS: &str = "2s";
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("skipped: run benches/throughput.sh");
        return Ok(());
    }
    let issuer = Issuer::new()?;
    let signer = issuer.signer()?;
    let callback = signer.callback(BODY)?;
    let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    let router = Router::new()
        .route("/read", post(async |body: Bytes| drop(black_box(body))))
        .route(
            "/verified",
            post(async |Extracted(received): Extracted| {
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
    println!("{cores} cores; {CONNECTIONS} connections, {SECONDS} a turn; requests a second");
    println!(
        "{:>10} {:>10} {:>10} {:>10} {:>7} {:>7}",
        "t_rsa", "read", "verified", "formula", "ratio", "in CPU"
    );
    let (mut ratios, mut cpu_ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let rsa = rsa_seconds(&signer, &callback)?;
        let read = load(address, "read", &callback)?;
        let verified = load(address, "verified", &callback)?;
        let formula = 1.0 / (1.0 / read.rate + rsa / cores);
        let ratio = verified.rate / formula;
        let cpu_ratio = (read.cpu + rsa) / verified.cpu;
        println!(
            "{:>7.1} µs {:>10.0} {:>10.0} {formula:>10.0} {ratio:>7.3} {cpu_ratio:>7.3}",
            rsa * 1e6,
            read.rate,
            verified.rate
        );
        ratios.push(ratio);
        cpu_ratios.push(cpu_ratio);
    }
    let (ratio, cpu_ratio) = (median(ratios), median(cpu_ratios));
    println!("medians: {ratio:.3}, in CPU time {cpu_ratio:.3} (goal: at least 0.9)");
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What a turn of load gave.
struct Load {
    /// Requests a second.
    rate: f64,
    /// Seconds of CPU a request, of server and generator.
    cpu: f64,
}

/// CPU time of this process and of the children that it has waited for, in seconds (Linux; hundredths).
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
    // Fields 14 to 17 of proc(5); the state after the name is the third.
    let ticks = fields.split_whitespace().skip(11).take(4);
    let ticks: Result<Vec<f64>, _> = ticks.map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

/// Puts load on a route, all of which has to be answered with 200.
fn load(address: SocketAddr, route: &str, callback: &Callback) -> Result<Load, Box<dyn Error>> {
    let before = cpu_seconds()?;
    let mut command = Command::new("oha");
    command.args(["--no-tui", "--output-format", "json", "-m", "POST"]);
    command.args(["-z", SECONDS, "-c", CONNECTIONS, "-d", BODY]);
    for (name, value) in &callback.headers {
        command.args(["-H", &format!("{name}: {}", value.to_str()?)]);
    }
    let output = command.arg(format!("http://{address}/{route}")).output();
    let output = output.map_err(|error| format!("oha: {error} (run benches/throughput.sh)"))?;
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!(
            "oha: {error}; it says: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let cpu = cpu_seconds()? - before;
    let statuses = report
        .get("statusCodeDistribution")
        .and_then(Value::as_object);
    let answered = match statuses {
        Some(statuses) if statuses.len() == 1 => statuses.get("200").and_then(Value::as_f64),
        _ => None,
    };
    let answered = answered.ok_or_else(|| format!("not all answers are 200: {statuses:?}"))?;
    let rate = report
        .pointer("/summary/requestsPerSec")
        .and_then(Value::as_f64);
    Ok(Load {
        rate: rate.ok_or("oha reports no rate")?,
        cpu: cpu / answered,
    })
}

/// Seconds that the primitive takes: the least of some turns.
fn rsa_seconds(signer: &Signer, callback: &Callback) -> Result<f64, Box<dyn Error>> {
    let certificate = Certificate::parse(signer.certificate())?;
    let PublicKey::Rsa { der, .. } = certificate.public_key() else {
        return Err("signers have RSA keys".into());
    };
    let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)?;
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
