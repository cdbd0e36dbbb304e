//! `longshore fetch`

use crate::cli::Fetch;
use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use crate::session::{Session, Work};
use anyhow::{Context as _, Result, bail};
use longshore_http::{client, hex};
use longshore_sockets::TcpStream;
use serde::Serialize;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;

/// How long the end waits for the server to close the connection in order.
const FAREWELL: Duration = Duration::from_secs(1);

/// A file that was moved.
#[derive(Debug, Serialize)]
struct Fetched {
    /// `download` or `upload`.
    direction: &'static str,
    /// The file at this end; `-` for standard output.
    file: String,
    bytes: u64,
    sha256: String,
    #[serde(flatten)]
    work: Work,
}

impl Report for Fetched {
    const SCHEMA: &'static str = "longshore/fetch/1";
}

pub(super) fn run(args: &Fetch, root: &Path, output: &mut Output) -> Result<Outcome> {
    let interrupt = Interrupt::listen()?;
    // What is wrong at this end is found before the NIC is touched.
    let end = End::open(args)?;
    let session = Session::open(&args.transport, &args.addressing, root)?;
    session.require_link()?;
    session.end_on(&interrupt);
    let before = session.mark();
    let moved = transfer(args, &session, end);
    if interrupt.is_raised() {
        return Ok(Outcome::Interrupted);
    }
    let (file, direction, moved) = moved?;
    session.drain(FAREWELL, || interrupt.is_raised());
    let report = Fetched {
        direction,
        file,
        bytes: moved.len,
        sha256: hex(&moved.sha256),
        work: before.until(&session.mark()),
    };
    if report.file == "-" && !output.is_json() {
        output.remark(report.to_string().trim_end());
    } else if report.file != "-" {
        output.show(&report)?;
    }
    Ok(Outcome::Done)
}

/// The file at this end.
enum End {
    Upload(File, PathBuf, u64),
    Download(NamedTempFile, PathBuf),
    StandardOutput,
}

impl End {
    fn open(args: &Fetch) -> Result<Self> {
        if let Some(path) = &args.upload {
            let open = || {
                let file = File::open(path)?;
                let meta = file.metadata()?;
                if !meta.is_file() {
                    return Err(io::Error::other("it is no file"));
                }
                Ok((file, meta.len()))
            };
            let (file, len) = open().with_context(|| format!("cannot read {}", path.display()))?;
            return Ok(Self::Upload(file, path.clone(), len));
        }
        let path = match &args.output {
            Some(path) if path == Path::new("-") => return Ok(Self::StandardOutput),
            Some(path) => path.clone(),
            None => match args.url.file_name() {
                Some(name) => name.into(),
                None => bail!("the URL names no file: say where to write it with --output FILE"),
            },
        };
        if path.is_dir() {
            bail!(
                "{} is a folder: name a file in it with --output",
                path.display()
            );
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // It gets its name when it is whole; until then it goes with this process.
        let part = tempfile::Builder::new()
            .prefix(".longshore-")
            .suffix(".part")
            .tempfile_in(folder)
            .with_context(|| format!("cannot write to {}", folder.display()))?;
        Ok(Self::Download(part, path))
    }
}

fn transfer(
    args: &Fetch,
    session: &Session,
    end: End,
) -> Result<(String, &'static str, client::Moved)> {
    let url = &args.url;
    let stream = TcpStream::connect_timeout(&session.stack, &url.server, args.timeout)
        .with_context(|| format!("connecting to {}", url.server))?;
    stream.set_read_timeout(Some(args.timeout))?;
    stream.set_write_timeout(Some(args.timeout))?;
    let late = |error: client::FetchError| match &error {
        client::FetchError::Connection(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
            anyhow::anyhow!(
                "nothing moved for {}: the server has stopped, or the path is broken; --timeout waits longer",
                humantime::format_duration(args.timeout)
            )
        }
        _ => match error {
            // Whoever reads our output has enough: `head` and the like.
            client::FetchError::Local(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
                cause.into()
            }
            error => error.into(),
        },
    };
    let check = |moved: client::Moved| match args.sha256 {
        Some(wanted) if wanted != moved.sha256 => bail!(
            "the file has the SHA-256 {}, not the one that was asked for: it is not kept",
            hex(&moved.sha256)
        ),
        _ => Ok(moved),
    };
    match end {
        End::Upload(file, path, len) => {
            let moved = client::put(stream, &url.host, &url.path, file, len).map_err(late)?;
            Ok((path.display().to_string(), "upload", check(moved)?))
        }
        End::Download(mut part, path) => {
            let sink = io::BufWriter::new(part.as_file_mut());
            let moved = check(client::get(stream, &url.host, &url.path, sink).map_err(late)?)?;
            make_readable(part.as_file())?;
            part.persist(&path)
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok((path.display().to_string(), "download", moved))
        }
        End::StandardOutput => {
            let mut out = io::stdout().lock();
            let moved = client::get(stream, &url.host, &url.path, &mut out).map_err(late)?;
            out.flush()?;
            Ok(("-".into(), "download", check(moved)?))
        }
    }
}

/// A temporary file is its owner's alone; a download is like any other file.
fn make_readable(file: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
        .context("setting the file's permissions")
}

impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.bytes as f64 / self.work.seconds.max(1e-9) / 1e6;
        writeln!(
            f,
            "{} of {}: {} bytes in {:.3} s ({rate:.1} MB/s)",
            self.direction, self.file, self.bytes, self.work.seconds
        )?;
        writeln!(f, "sha256 {}", self.sha256)?;
        write!(f, "{}", self.work)
    }
}
