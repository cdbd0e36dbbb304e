//! What scripts tell the shell. Nothing of it is run: settings of the kernel go into a directory that the stack reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why a command has no effect here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShellError {
    /// Not one of those that are understood.
    #[error("a command that is not understood: {0}")]
    Unknown(String),
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
}

/// Settings below /proc/sys/net, and the device's MTU.
#[derive(Debug)]
pub struct Shell {
    directory: tempfile::TempDir,
    /// The folder of the script: where `./` is.
    folder: PathBuf,
    mtu: Option<u16>,
}

impl Shell {
    /// A machine without settings, for a script in that folder.
    ///
    /// # Errors
    /// No temporary directory.
    pub fn new(folder: &Path) -> std::io::Result<Self> {
        Ok(Self {
            directory: tempfile::tempdir()?,
            folder: folder.to_owned(),
            mtu: None,
        })
    }

    /// The directory that is like /proc/sys/net.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The MTU that `ip link set` gave the device.
    pub fn mtu(&self) -> Option<u16> {
        self.mtu
    }

    /// Does what the commands say.
    ///
    /// # Errors
    /// The first that cannot be done.
    pub fn run(&mut self, text: &str) -> Result<(), ShellError> {
        let text = text.replace("\\\n", " ");
        for line in text.split(['\n', ';']) {
            let words = words(line);
            if !words.is_empty() {
                self.command(line.trim(), &words)?;
            }
        }
        Ok(())
    }

    fn command(&mut self, line: &str, words: &[String]) -> Result<(), ShellError> {
        let unknown = || Err(ShellError::Unknown(line.to_owned()));
        let all: Vec<&str> = words.iter().map(String::as_str).collect();
        match all[..] {
            ["./defaults.sh"] => {
                let path = self.folder.join("defaults.sh");
                let text = std::fs::read_to_string(&path)
                    .map_err(|e| ShellError::Failed(format!("{}: {e}", path.display())))?;
                self.run(&text)
            }
            ["sysctl", ref rest @ ..] | ["./set_sysctls.py", ref rest @ ..] => {
                for word in rest.iter().filter(|word| !word.starts_with('-')) {
                    let Some((name, value)) = word.split_once('=') else {
                        return unknown();
                    };
                    self.set(name, value)?;
                }
                Ok(())
            }
            ["ip", "link", "set", "dev", "tun0", "mtu", value] => match value.parse() {
                Ok(mtu) => {
                    self.mtu = Some(mtu);
                    Ok(())
                }
                Err(_) => unknown(),
            },
            // Nothing is remembered from another run; the wire takes packets as they come; the NIC cuts segments, which
            // the comparison puts together again; what was changed is gone with the run.
            ["ip", "tcp_metrics", "flush", ..]
            | ["tc", "qdisc", "add", "dev", "tun0", "root", "pfifo"]
            | ["ethtool", "-K", "tun0", ..] => Ok(()),
            [name] if name.starts_with("/tmp/sysctl_restore_") => Ok(()),
            _ => unknown(),
        }
    }

    fn set(&self, name: &str, value: &str) -> Result<(), ShellError> {
        let path = match name.strip_prefix("/proc/sys/net/") {
            Some(path) => path.to_owned(),
            None => {
                let path = name.replace('.', "/");
                let path = path.strip_prefix("net/").map(str::to_owned);
                path.ok_or_else(|| ShellError::Unknown(name.to_owned()))?
            }
        };
        if !path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_/".contains(c))
        {
            return Err(ShellError::Unknown(name.to_owned()));
        }
        let file = self.directory().join(path);
        let failed = |e: std::io::Error| ShellError::Failed(format!("{}: {e}", file.display()));
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::write(&file, format!("{value}\n")).map_err(failed)
    }
}

/// The words of a line, without comment and redirection; quotes are taken off, and sums done.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let (mut quoted, mut rest) = (false, line);
    while let Some(c) = rest.chars().next() {
        if let Some(end) = rest.strip_prefix("$((").and_then(|r| r.find("))")) {
            let sum = product(&rest[3..3 + end]);
            word.get_or_insert_default().push_str(&sum);
            rest = &rest[end + 5..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '#' if !quoted && word.is_none() => break,
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.retain(|word| {
        !matches!(
            word.as_str(),
            ">" | "/dev/null" | "2>&1" | "2>/dev/null" | ">/dev/null"
        )
    });
    words
}

/// The shell's arithmetic, as far as scripts need it: factors.
fn product(text: &str) -> String {
    let factors: Option<Vec<u64>> = text.split('*').map(|f| f.trim().parse().ok()).collect();
    factors.map_or_else(
        || text.to_owned(),
        |factors| factors.iter().product::<u64>().to_string(),
    )
}

/// Settings as files, for messages.
impl Shell {
    /// All settings by name.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.directory().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let (Ok(name), Ok(value)) = (
                    path.strip_prefix(self.directory()),
                    std::fs::read_to_string(&path),
                ) {
                    let name = name.display().to_string();
                    found.insert(name, value.trim().to_owned());
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("defaults.sh"),
            "#!/bin/bash\nsysctl -q net.ipv4.tcp_rmem=\"4096 540000 $((15*1024*1024))\"\n\
             sysctl -q net.ipv4.tcp_ecn=0 > /dev/null 2>&1\n",
        )
        .unwrap();
        let mut shell = Shell::new(folder.path()).unwrap();
        shell
            .run("./defaults.sh\n./set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0 \\\n /proc/sys/net/ipv4/tcp_ecn=1 # on\nip link set dev tun0 mtu 9000")
            .unwrap();
        let settings = shell.settings();
        assert_eq!(settings["ipv4/tcp_rmem"], "4096 540000 15728640");
        assert_eq!(settings["ipv4/tcp_ecn"], "1");
        assert_eq!(settings["ipv4/tcp_sack"], "0");
        assert_eq!(shell.mtu(), Some(9000));
    }

    #[test]
    fn other_commands_are_refused() {
        let mut shell = Shell::new(Path::new(".")).unwrap();
        for text in [
            "rm -rf x",
            "nstat -n",
            "sysctl -q kernel.x=1",
            "sysctl /proc/sys/net/../kernel/x=1",
        ] {
            assert!(
                matches!(shell.run(text), Err(ShellError::Unknown(_))),
                "{text}"
            );
        }
    }
}
