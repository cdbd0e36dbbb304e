//! QEMU and a guest kernel out of Debian packages, whatever Debian this machine runs.
//!
//! `vfio-user-pci` came with QEMU 10.1, which is younger than most machines. So the packages come from a later Debian,
//! by way of an apt state of our own and the mirror this machine uses anyway, and are only unpacked: nothing is
//! installed, and QEMU runs with the loader and libraries it came with.

use crate::process::{command, run, which};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Debian that the packages come from, and its newer packages, which have QEMU 11.
const SUITE: &str = "trixie";
const BACKPORTS: &str = "trixie-backports";
/// A kernel of few drivers, with VFIO as modules and the Intel IOMMU built in.
const KERNEL: &str = "linux-image-cloud-amd64";
const SOURCE: &str = "linux-source";
/// Changed whenever what is unpacked changes.
const RECIPE: &str = "1";

/// In the order in which they depend on each other.
const MODULES: [&str; 5] = [
    "irqbypass",
    "vfio",
    "vfio_iommu_type1",
    "vfio-pci-core",
    "vfio-pci",
];

/// An unpacked QEMU.
#[derive(Debug, Clone)]
pub(crate) struct Qemu {
    root: PathBuf,
}

/// What was unpacked.
pub(crate) struct Parts {
    pub(crate) qemu: Qemu,
    pub(crate) vmlinuz: PathBuf,
    /// In the order in which they are to be loaded.
    pub(crate) modules: Vec<PathBuf>,
}

impl Qemu {
    /// The program, run by its own loader.
    pub(crate) fn program(&self) -> Vec<PathBuf> {
        let library = self.root.join("usr/lib/x86_64-linux-gnu");
        vec![
            self.root.join("usr/lib64/ld-linux-x86-64.so.2"),
            "--library-path".into(),
            library,
            self.root.join("usr/bin/qemu-system-x86_64"),
            "-L".into(),
            self.root.join("usr/share/qemu"),
            "-L".into(),
            self.root.join("usr/share/seabios"),
        ]
    }
}

/// Unpacks QEMU and kernel below `cache`, unless that is done.
pub(crate) fn fetch(cache: &Path) -> Result<Parts> {
    let unpacked = cache.join("packages");
    let stamp = unpacked.join("recipe");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(RECIPE) {
        for tool in ["apt-get", "dpkg"] {
            if which(tool).is_none() {
                bail!(
                    "`{tool}` is not here: the guest's QEMU and kernel come as Debian packages; run this on Debian or Ubuntu, or in a container of them"
                );
            }
        }
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked)?;
        }
        println!(
            "fetching QEMU and a guest kernel with apt, into {}",
            unpacked.display()
        );
        unpack(&unpacked)?;
        fs::write(&stamp, RECIPE)?;
    }
    let kernel = unpacked.join("kernel");
    let vmlinuz = find(&kernel.join("boot"), &|name| name.starts_with("vmlinuz-"))?;
    let modules = MODULES
        .iter()
        .map(|module| {
            let file = format!("{module}.ko.xz");
            find(&kernel.join("usr/lib/modules"), &|name| name == file)
        })
        .collect::<Result<_>>()?;
    Ok(Parts {
        qemu: Qemu {
            root: unpacked.join("qemu"),
        },
        vmlinuz,
        modules,
    })
}

fn unpack(into: &Path) -> Result<()> {
    let apt = Apt::new(&into.join("apt"))?;
    run(apt.get().arg("update")).context("package lists")?;
    run(apt.get().args([
        "-y",
        "--download-only",
        "-t",
        BACKPORTS,
        "install",
        "qemu-system-x86",
    ]))
    .context("QEMU")?;
    for package in apt.downloaded()? {
        run(command("dpkg")
            .arg("-x")
            .arg(package)
            .arg(into.join("qemu")))?;
    }
    let kernel = into.join("kernel");
    let package = apt.download(KERNEL, SUITE, &kernel).context("the kernel")?;
    run(command("dpkg").arg("-x").arg(&package).arg(&kernel))?;
    fs::remove_file(package)?;
    // Some 40 MB that nobody needs again.
    fs::remove_dir_all(into.join("apt"))?;
    Ok(())
}

/// Downloads the package of the kernel's source into `into`.
pub(crate) fn source(into: &Path) -> Result<PathBuf> {
    source_of(SUITE, into)
}

/// The same of the newest kernel that the Debian has.
pub(crate) fn newest_source(into: &Path) -> Result<PathBuf> {
    source_of(BACKPORTS, into)
}

fn source_of(suite: &str, into: &Path) -> Result<PathBuf> {
    let state = into.join("apt");
    let apt = Apt::new(&state)?;
    run(apt.get().arg("update")).context("package lists")?;
    let package = apt
        .download(SOURCE, suite, into)
        .context("the kernel's source")?;
    fs::remove_dir_all(state)?;
    Ok(package)
}

/// An apt with a state of its own.
struct Apt {
    dir: PathBuf,
}

impl Apt {
    fn new(dir: &Path) -> Result<Self> {
        for folder in [
            "state/lists/partial",
            "cache/archives/partial",
            "etc/preferences.d",
            "etc/sources.list.d",
            "etc/trusted.gpg.d",
            "etc/apt.conf.d",
        ] {
            fs::create_dir_all(dir.join(folder))?;
        }
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        if !Path::new(keyring).exists() {
            bail!("{keyring} is missing: install debian-archive-keyring");
        }
        let mirror = mirror().context("no mirror in this machine's apt sources")?;
        let source = |suite: &str| format!("deb [signed-by={keyring}] {mirror} {suite} main\n");
        fs::write(
            dir.join("etc/sources.list"),
            source(SUITE) + &source(BACKPORTS),
        )?;
        fs::write(dir.join("status"), "")?;
        let shown = dir.display();
        let options = [
            ("Dir", shown.to_string()),
            ("Dir::State", format!("{shown}/state")),
            ("Dir::State::status", format!("{shown}/status")),
            ("Dir::Cache", format!("{shown}/cache")),
            ("Dir::Etc", format!("{shown}/etc")),
            ("Dir::Etc::sourcelist", format!("{shown}/etc/sources.list")),
            // Folders below a home cannot be read by apt's own user.
            ("APT::Sandbox::User", "root".into()),
            ("APT::Architecture", "amd64".into()),
            ("APT::Install-Recommends", "false".into()),
            ("Acquire::Languages", "none".into()),
            ("Acquire::Retries", "3".into()),
        ];
        let lines: String = options
            .iter()
            .map(|(key, value)| format!("{key} \"{value}\";\n"))
            .collect();
        // Without this apt looks for packages of this machine's architectures, too.
        let lines = lines + "APT::Architectures { \"amd64\"; };\n";
        let apt = Self { dir: dir.into() };
        fs::write(apt.config(), lines)?;
        Ok(apt)
    }

    fn config(&self) -> PathBuf {
        self.dir.join("apt.conf")
    }

    fn get(&self) -> Command {
        let mut get = command("apt-get");
        get.arg("-qq").env("APT_CONFIG", self.config());
        get
    }

    /// Downloads what the empty package `meta` of a suite depends on first, into a folder without other packages.
    fn download(&self, meta: &str, suite: &str, into: &Path) -> Result<PathBuf> {
        let depends = Command::new("apt-cache")
            .args(["depends", &format!("{meta}/{suite}")])
            .env("APT_CONFIG", self.config())
            .output()?;
        let depends = String::from_utf8_lossy(&depends.stdout).into_owned();
        let package = depends
            .lines()
            .find_map(|line| line.trim().strip_prefix("Depends: "))
            .with_context(|| format!("{meta} names no package"))?;
        fs::create_dir_all(into)?;
        let package = format!("{package}/{suite}");
        run(self.get().args(["download", &package]).current_dir(into))?;
        find(into, &|name| name.ends_with(".deb"))
    }

    fn downloaded(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.dir.join("cache/archives"))?;
        let mut packages = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "deb") {
                packages.push(path);
            }
        }
        packages.sort();
        Ok(packages)
    }
}

/// The mirror of Debian that this machine uses: the first address in its apt sources.
fn mirror() -> Option<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let more = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten();
    files.extend(more.flatten().map(|entry| entry.path()));
    files.sort();
    files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .find_map(|content| mirror_in(&content))
}

/// The first address of a Debian archive in a sources file of either format (sources.list(5)).
fn mirror_in(sources: &str) -> Option<String> {
    let is_archive =
        |word: &&str| word.contains("://") && word.trim_end_matches('/').ends_with("debian");
    sources
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .find_map(|line| line.split_whitespace().find(is_archive))
        .map(|word| word.trim_end_matches('/').to_owned())
}

/// The file below `dir` whose name is wanted.
fn find(dir: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<PathBuf> {
    fn search(dir: &Path, wanted: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
        let mut paths: Vec<_> = fs::read_dir(dir)
            .ok()?
            .flatten()
            .map(|e| e.path())
            .collect();
        paths.sort();
        paths.into_iter().find_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            // Links inside of packages may lead out of them.
            if path.is_dir() && !path.is_symlink() {
                search(&path, wanted)
            } else {
                wanted(&name).then_some(path)
            }
        })
    }
    search(dir, wanted).with_context(|| {
        format!(
            "{} lacks a file: delete that folder and try again",
            dir.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_found_in_sources_of_both_formats() {
        let deb822 =
            "Types: deb\n# a comment\nURIs: http://mirror.example/debian/\nSuites: bookworm\n";
        assert_eq!(
            mirror_in(deb822).as_deref(),
            Some("http://mirror.example/debian")
        );
        let classic = "# deb http://old.example/debian x main\ndeb [signed-by=/k] https://m.example/debian bookworm main\n";
        assert_eq!(
            mirror_in(classic).as_deref(),
            Some("https://m.example/debian")
        );
        let security = "URIs: http://mirror.example/debian-security\n";
        assert_eq!(mirror_in(security), None);
    }
}
