//! From a request's path to an open file below the root.

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::response::Status;

/// A file to be sent.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) len: u64,
}

/// Opens `file` if `path` (percent-encoded, absolute) is `/` or its name.
///
/// # Errors
/// The status to answer with.
pub(crate) fn open_one(file: &Path, path: &str) -> Result<Found, Status> {
    let name = file.file_name().ok_or(Status::InternalError)?;
    let asked = relative(path)?;
    if !asked.as_os_str().is_empty() && asked != Path::new(name) {
        return Err(Status::NotFound);
    }
    // A link may bear the name: what it leads to is what was offered.
    let real = file.canonicalize().map_err(|_| Status::NotFound)?;
    open_plain(&real)
}

/// Opens the file that `path` (percent-encoded, absolute) names below `root`.
///
/// # Errors
/// The status to answer with.
pub(crate) fn open(root: &Path, path: &str) -> Result<Found, Status> {
    let relative = relative(path)?;
    // Symbolic links may lead out of the root: ask where it really is.
    let root = root.canonicalize().map_err(|_| Status::InternalError)?;
    let full = root.join(relative).canonicalize().map_err(status)?;
    if !full.starts_with(&root) {
        return Err(Status::Forbidden);
    }
    open_plain(&full)
}

fn open_plain(full: &Path) -> Result<Found, Status> {
    let meta = full.metadata().map_err(status)?;
    // No listings, no devices, no pipes: opening a pipe would block.
    if !meta.is_file() {
        return Err(Status::Forbidden);
    }
    let file = File::open(full).map_err(status)?;
    let len = file.metadata().map_err(status)?.len();
    Ok(Found { file, len })
}

fn status(error: io::Error) -> Status {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Status::NotFound,
        io::ErrorKind::PermissionDenied => Status::Forbidden,
        io::ErrorKind::InvalidFilename => Status::BadRequest,
        _ => Status::InternalError,
    }
}

/// The decoded path without its leading slash, free of `..`.
fn relative(path: &str) -> Result<PathBuf, Status> {
    let decoded = percent_decode(path).ok_or(Status::BadRequest)?;
    let decoded = String::from_utf8(decoded).map_err(|_| Status::BadRequest)?;
    let relative = decoded.strip_prefix('/').ok_or(Status::BadRequest)?;
    if relative.contains('\0') {
        return Err(Status::BadRequest);
    }
    let path = PathBuf::from(relative.trim_start_matches('/'));
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.components().all(plain) {
        Ok(path)
    } else {
        Err(Status::Forbidden)
    }
}

/// RFC 3986 §2.1; `None` for a `%` without two hexadecimal digits.
fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        out.push(u8::try_from(16 * high + low).ok()?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_found_under_its_name_and_as_the_root_and_its_neighbours_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tide.bin");
        std::fs::write(&path, b"ebb").unwrap();
        std::fs::write(folder.path().join("secret"), b"no").unwrap();
        for asked in ["/", "/tide.bin", "/tide%2Ebin"] {
            assert_eq!(open_one(&path, asked).unwrap().len, 3, "{asked}");
        }
        let status = |asked| open_one(&path, asked).unwrap_err();
        assert_eq!(status("/secret"), Status::NotFound);
        assert_eq!(status("/../secret"), Status::Forbidden);
        assert_eq!(open_one(folder.path(), "/").unwrap_err(), Status::Forbidden);
    }

    #[test]
    fn only_files_below_the_root_are_opened() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("dir")).unwrap();
        std::fs::write(outer.path().join("secret"), "s").unwrap();
        std::fs::write(root.join("a b"), "12345").unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret"), root.join("link")).unwrap();
        let status = |path: &str| open(&root, path).map(|found| found.len);
        assert_eq!(status("/a%20b"), Ok(5));
        assert_eq!(status("//a%20b"), Ok(5));
        assert_eq!(status("/dir/%2e%2e/a%20b"), Err(Status::Forbidden));
        assert_eq!(status("/../secret"), Err(Status::Forbidden));
        assert_eq!(status("/link"), Err(Status::Forbidden));
        assert_eq!(status("/dir"), Err(Status::Forbidden));
        assert_eq!(status("/none"), Err(Status::NotFound));
        assert_eq!(status("/a%20b/x"), Err(Status::NotFound));
        assert_eq!(status("/%zz"), Err(Status::BadRequest));
        assert_eq!(status("/%00"), Err(Status::BadRequest));
        assert_eq!(status("*"), Err(Status::BadRequest));
    }
}
