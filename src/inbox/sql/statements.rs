//! The statements, in the dialects of the engines. `$1` is always the time, `$2` the endpoint.

/// One text for each statement. They differ in where the time comes from, and in how rows are locked.
pub(in super::super) struct Statements {
    /// `$3` how many, `$4` the lease. Returns the columns of an entry, the fence and the body.
    pub(in super::super) claim: &'static str,
    /// After [`fenced!`], `$6` the state, `$7` the error or null, `$8` how many failures it adds. Returns the resource.
    pub(in super::super) settle: &'static str,
    /// After [`fenced!`], `$6` the backoff, `$7` the error or null, `$8` how many failures it adds.
    pub(in super::super) give_back: &'static str,
    /// After [`fenced!`], `$6` the lease.
    pub(in super::super) extend: &'static str,
    /// `$3` the resource: its first waiting callback becomes pending, if none is.
    pub(in super::super) promote: &'static str,
    /// The same for all resources.
    pub(in super::super) sweep: &'static str,
    /// `$3` to `$11` are those of a filter and a page.
    pub(in super::super) list: [&'static str; 3],
    /// The same, with bodies and evidence.
    pub(in super::super) export: [&'static str; 3],
    /// The same; settled callbacks become pending, or wait for their predecessor. Returns their numbers.
    pub(in super::super) retry: &'static str,
    /// The same; callbacks that are not being handled are discarded. Returns their numbers.
    pub(in super::super) discard: &'static str,
    /// `$3` the state, `$4` the age, `$5` how many at most. Returns the numbers of what was deleted.
    pub(in super::super) prune: &'static str,
    /// Returns how many are pending, and when the oldest was stored.
    pub(in super::super) count_pending: &'static str,
    /// Returns how many are waiting, and when the oldest was stored.
    pub(in super::super) count_waiting: &'static str,
    /// Returns how many are under a lease that has not expired.
    pub(in super::super) count_in_progress: &'static str,
    /// Returns the settled states, and how many are in each.
    pub(in super::super) count_settled: &'static str,
    /// `$3` to `$9` are the columns of a refused request.
    pub(in super::super) keep_refused: &'static str,
    /// `$3` how many are kept.
    pub(in super::super) trim_refused: &'static str,
    /// `$3` how many at most. The newest comes first.
    pub(in super::super) list_refused: &'static str,
    /// Returns the numbers of what was deleted.
    pub(in super::super) clear_refused: &'static str,
    /// `$3` the digest, `$4` the lease. Returns the token, unless another claim is current or done.
    pub(in super::super) guard_claim: &'static str,
    /// `$3` the digest. Returns whether it is done, and the time left.
    pub(in super::super) guard_look: &'static str,
    /// `$3` the digest, `$4` the token, `$5` how long it is remembered.
    pub(in super::super) guard_complete: &'static str,
    /// `$3` the digest, `$4` the token.
    pub(in super::super) guard_release: &'static str,
    /// `$3` the age, `$4` how many at most.
    pub(in super::super) guard_prune: &'static str,
}

/// The columns of an entry, in the order in which `rows::entry` reads them.
macro_rules! entry {
    () => {
        "digest, seq, state, stored, event, customer, resource, due, leased, settled, attempts, failures, error"
    };
}

/// The condition of a claim that is still current: `$3` digest, `$4` seq, `$5` fence. The endpoint is an expression, so that no planner
/// takes it for a reason to look through all that is pending: statistics from a time when nothing was say that this is cheap.
macro_rules! fenced {
    () => {
        "where endpoint || '' = $2 and digest = $3 and seq = $4 and fence = $5 and state = 0 and leased = 1"
    };
}

/// The condition of a filter, `$3` to `$7`.
macro_rules! filtered {
    () => {
        "endpoint = $2 and ($3 is null or state = $3) and ($4 is null or event = $4) and ($5 is null or customer = $5) \
         and ($6 is null or stored >= $6) and ($7 is null or stored < $7)"
    };
}

/// The condition of a range of digests: all of them, if there is none.
macro_rules! digests {
    () => {
        " and digest >= $8 and digest <= $9"
    };
}

/// The callback of a resource that is or would be pending: pending sorts before waiting. One look at the index, however many wait.
macro_rules! first_of {
    ($resource:literal) => {
        concat!(
            "(select o.seq from partner_center_inbox o where o.endpoint = $2 and o.resource = ",
            $resource,
            " and o.settled is null order by o.state, o.seq limit 1)"
        )
    };
}

/// A list from the oldest, from the newest, and by digest.
macro_rules! lists {
    ($start:expr) => {
        [
            concat!($start, filtered!(), " and ($10 is null or seq > $10) order by seq limit $11"),
            concat!(
                $start,
                filtered!(),
                " and ($10 is null or seq < $10) order by seq desc limit $11"
            ),
            concat!(
                $start,
                filtered!(),
                digests!(),
                " and ($10 is null or seq > $10) order by seq limit $11"
            ),
        ]
    };
}

/// `$now` is the time in milliseconds; `$skip` and `$lock` lock rows that are to be changed.
macro_rules! statements {
    (now = $now:literal, skip = $skip:literal, lock = $lock:literal) => {
        Statements {
            claim: concat!(
                "with picked as materialized (select seq from partner_center_inbox where endpoint = $2 and state = 0 and due <= ",
                $now, " order by due, seq limit $3", $skip,
                ") update partner_center_inbox set fence = fence + 1, attempts = attempts + 1, leased = 1, due = ", $now,
                " + $4 where seq in (select seq from picked) returning ", entry!(), ", fence, body"
            ),
            settle: concat!(
                "update partner_center_inbox set state = $6, leased = 0, due = null, settled = ", $now,
                ", error = coalesce($7, error), failures = failures + $8 ", fenced!(), " returning resource"
            ),
            give_back: concat!(
                "update partner_center_inbox set leased = 0, due = ", $now,
                " + $6, error = coalesce($7, error), failures = failures + $8 ", fenced!(), " returning resource"
            ),
            extend: concat!(
                "update partner_center_inbox set due = ", $now, " + $6 ", fenced!(), " returning resource"
            ),
            promote: concat!(
                "update partner_center_inbox set state = 0, due = ", $now, " where state = 3 and seq = ", first_of!("$3"), " returning seq"
            ),
            sweep: concat!(
                "update partner_center_inbox set state = 0, due = ", $now, " where state = 3 and seq in (select ", first_of!("r.resource"),
                " from (select distinct resource from partner_center_inbox where endpoint = $2 and resource is not null",
                " and settled is null and state = 3) as r) returning seq"
            ),
            list: lists!(concat!("select ", entry!(), " from partner_center_inbox where ")),
            export: lists!(concat!(
                "select ", entry!(), ", body, signature, algorithm, certificate_url, verified,",
                " (select pem from partner_center_chain where id = chain) from partner_center_inbox where "
            )),
            retry: concat!(
                "update partner_center_inbox set state = case when state = 0 or resource is null then 0 else 3 end, due = ", $now,
                ", leased = 0, settled = null, failures = 0 where seq in (select seq from partner_center_inbox where ", filtered!(),
                digests!(), " and seq > $10 and (state in (2, 4) or (state in (1, 5) and state = $3) or (state = 0 and (leased = 0 or due <= ",
                $now, "))) order by seq limit $11", $lock, ") returning seq"
            ),
            discard: concat!(
                "update partner_center_inbox set state = 4, due = null, leased = 0, settled = ", $now,
                " where seq in (select seq from partner_center_inbox where ", filtered!(), digests!(),
                " and seq > $10 and (state in (2, 3) or (state = 0 and (leased = 0 or due <= ", $now,
                "))) order by seq limit $11", $lock, ") returning seq"
            ),
            prune: concat!(
                "delete from partner_center_inbox where seq in (select seq from partner_center_inbox where endpoint = $2",
                " and settled is not null and state = $3 and settled <= ", $now, " - $4 order by settled limit $5", $skip,
                ") returning seq"
            ),
            count_pending: "select count(*), min(stored) from partner_center_inbox where endpoint = $2 and state = 0",
            count_waiting: "select count(*), min(stored) from partner_center_inbox where endpoint = $2 and resource is not null \
                            and settled is null and state = 3",
            count_in_progress: concat!(
                "select count(*) from partner_center_inbox where endpoint = $2 and state = 0 and leased = 1 and due > ", $now
            ),
            count_settled: "select state, count(*) from partner_center_inbox where endpoint = $2 and settled is not null \
                            group by state",
            keep_refused: concat!(
                "insert into partner_center_refused (endpoint, refused, kind, status, reason, remote, headers, body, body_length)",
                " values ($2, ", $now, ", $3, $4, $5, $6, $7, $8, $9)"
            ),
            trim_refused: "delete from partner_center_refused where endpoint = $2 and id not in (select id from \
                           partner_center_refused where endpoint = $2 order by id desc limit $3)",
            list_refused: "select id, refused, kind, status, reason, remote, headers, body, body_length \
                           from partner_center_refused where endpoint = $2 order by id desc limit $3",
            clear_refused: "delete from partner_center_refused where endpoint = $2 returning id",
            guard_claim: concat!(
                "insert into partner_center_guard as g (endpoint, digest, token, until, done, touched) values ($2, $3, ", $now, ", ",
                $now, " + $4, 0, ", $now, ") on conflict (endpoint, digest) do update set token = g.token + 1, until = ", $now,
                " + $4, done = 0, touched = ", $now, " where g.until <= ", $now, " returning token"
            ),
            guard_look: concat!(
                "select done, until - ", $now, " from partner_center_guard where endpoint = $2 and digest = $3"
            ),
            guard_complete: concat!(
                "update partner_center_guard set done = 1, until = ", $now, " + $5, touched = ", $now,
                " where endpoint = $2 and digest = $3 and token = $4 and done = 0 and until > 0 returning token"
            ),
            guard_release: concat!(
                "update partner_center_guard set until = 0, touched = ", $now,
                " where endpoint = $2 and digest = $3 and token = $4 and done = 0 and until > 0 returning token"
            ),
            guard_prune: concat!(
                "delete from partner_center_guard where (endpoint, digest) in (select endpoint, digest from partner_center_guard",
                " where touched <= ", $now, " - $3 and until <= ", $now, " limit $4", $skip, ") returning token"
            ),
        }
    };
}

/// SQLite has one writer at a time, so rows need no locks.
#[cfg(feature = "inbox-sqlite")]
pub(in super::super) static SQLITE: Statements = statements!(now = "$1", skip = "", lock = "");

/// The time is that of the server, unless a test sets it. `now()` can be used with an index, `clock_timestamp()` cannot.
#[cfg(feature = "inbox-postgres")]
pub(in super::super) static POSTGRES: Statements = statements!(
    now = "coalesce($1, (extract(epoch from now()) * 1000)::bigint)",
    skip = " for update skip locked",
    lock = " for update"
);
