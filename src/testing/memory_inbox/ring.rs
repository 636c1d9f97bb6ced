//! The ring of refused requests in memory.

use std::num::NonZeroU32;

use super::MemoryInbox;
use crate::http_client::BoxFuture;
use crate::inbox::{InboxError, RefusedRequest, RefusedRing};

impl RefusedRing for MemoryInbox {
    fn keep<'a>(&'a self, request: &'a RefusedRequest) -> BoxFuture<'a, Result<(), InboxError>> {
        Box::pin(async move {
            let (mut memory, now) = self.now();
            memory.last_refused = memory.last_refused.saturating_add(1);
            let mut request = request.clone();
            (request.id, request.refused_at) = (memory.last_refused, now);
            memory.refused.insert(0, request);
            memory.refused.truncate(Self::REFUSED);
            Ok(())
        })
    }

    fn refused(&self, limit: NonZeroU32) -> BoxFuture<'_, Result<Vec<RefusedRequest>, InboxError>> {
        let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        Box::pin(async move { Ok(self.now().0.refused.iter().take(limit).cloned().collect()) })
    }

    fn clear_refused(&self) -> BoxFuture<'_, Result<u64, InboxError>> {
        Box::pin(async move {
            let count = std::mem::take(&mut self.now().0.refused).len();
            Ok(u64::try_from(count).unwrap_or(u64::MAX))
        })
    }
}
