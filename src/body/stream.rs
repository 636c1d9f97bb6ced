//! Bodies that arrive as a stream.

use std::mem;
use std::pin::pin;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};

use super::BodyError;

/// Reads a body up to the limit. A body of one piece is not copied.
pub(crate) async fn read<D: Buf, E>(
    body: impl Stream<Item = Result<D, E>>,
    limit: usize,
) -> Result<Bytes, BodyError> {
    let mut body = pin!(body);
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(piece) = body.next().await {
        let mut piece = piece.map_err(|_| BodyError::Unreadable)?;
        let read = first.len().max(all.len());
        if piece.remaining() > limit.saturating_sub(read) {
            return Err(BodyError::TooLong { limit });
        }
        if read == 0 {
            first = piece.copy_to_bytes(piece.remaining());
        } else {
            if all.is_empty() {
                all = mem::take(&mut first).into();
            }
            all.put(piece);
        }
    }
    Ok(match all.is_empty() {
        true => first,
        false => all.freeze(),
    })
}
