//! Which file system a path is on.

use std::path::Path;

/// The type of the file system that holds `path`, if it is one over a network. `mounts` is the text of `/proc/self/mountinfo`.
///
/// SQLite's write-ahead log needs memory that all processes share, which such file systems do not have.
pub(super) fn network_file_system<'m>(mounts: &'m str, path: &Path) -> Option<&'m str> {
    let mounts = mounts.lines().filter_map(mount);
    let holding = mounts.filter(|(point, _)| path.starts_with(unescaped(point)));
    // A later line covers an earlier one of the same length.
    let (_, kind) = holding.max_by_key(|(point, _)| point.len())?;
    NETWORK.contains(&kind).then_some(kind)
}

/// The mount point and the type of a line: `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`.
fn mount(line: &str) -> Option<(&str, &str)> {
    let (before, after) = line.split_once(" - ")?;
    Some((before.split(' ').nth(4)?, after.split(' ').next()?))
}

/// The kernel writes a space as `\040`.
fn unescaped(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

const NETWORK: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.ceph-fuse",
    "fuse.glusterfs",
    "fuse.grpcfuse",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb2",
    "smb3",
    "smbfs",
];

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /srv rw,relatime - nfs4 server:/export rw,vers=4.2
31 30 254:1 / /srv/local rw - xfs /dev/vdb rw
32 22 0:41 / /mnt/with\\040space rw - cifs //server/share rw
33 22 0:42 / /over rw - nfs server:/a rw
34 22 0:43 / /over rw - tmpfs tmpfs rw
";

    #[test]
    fn the_longest_mount_point_decides() {
        let of = |path: &str| network_file_system(MOUNTS, Path::new(path));
        assert_eq!(of("/var/lib/inbox.db"), None);
        assert_eq!(of("/srv/inbox.db"), Some("nfs4"));
        assert_eq!(of("/srv/local/inbox.db"), None);
        assert_eq!(of("/srvother/inbox.db"), None);
        assert_eq!(of("/mnt/with space/inbox.db"), Some("cifs"));
        assert_eq!(of("/over/inbox.db"), None);
    }

    #[test]
    fn what_cannot_be_read_decides_nothing() {
        for mounts in ["", "garbage", "1 2 3", "22 1 254:0 / / rw"] {
            assert_eq!(network_file_system(mounts, Path::new("/srv/inbox.db")), None, "{mounts}");
        }
    }
}
