//! The certificate files, which may be replaced while the receiver runs.

use std::ffi::OsString;

use partner_center_webhooks::Receiver;

use super::pem::{anchors, certificates};

/// What `--anchors` and `--intermediates` name.
#[derive(Default)]
pub(super) struct Files {
    pub(super) anchors: Option<OsString>,
    pub(super) intermediates: Vec<OsString>,
}

impl Files {
    /// Reads all files, and passes their contents to `receiver` if all are valid. Callbacks continue meanwhile.
    pub(super) fn load(&self, receiver: &Receiver) -> Result<(), String> {
        let read = |path: &OsString| anchors("--anchors", path);
        let anchors = self.anchors.as_ref().map(read).transpose()?;
        let read = |path: &OsString| certificates("--intermediates", path);
        let intermediates: Result<Vec<_>, _> = self.intermediates.iter().map(read).collect();
        let intermediates = intermediates?.into_iter().flatten();
        receiver.replace_chain(|chain| {
            let chain = chain.without_intermediates().with_intermediates(intermediates);
            match anchors {
                Some(anchors) => chain.with_anchors(anchors),
                None => chain,
            }
        });
        Ok(())
    }
}
