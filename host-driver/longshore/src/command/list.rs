//! `longshore list`

use super::table::Table;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use anyhow::Result;
use longshore_sysfs::{PciFunction, Sysfs, SysfsError};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// The Longshore NICs of a host.
#[derive(Debug, Serialize)]
struct List {
    devices: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    address: String,
    driver: Option<String>,
    group: Option<Group>,
    /// The PCI Express link, where the function has one.
    link: Option<Link>,
    numa_node: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Group {
    number: u32,
    /// Members in the kernel's hands, which keep programs from having the group.
    in_the_way: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Link {
    speed: String,
    width: String,
}

impl Report for List {
    const SCHEMA: &'static str = "longshore/list/1";
}

pub(super) fn run(root: &Path, output: &mut Output) -> Result<Outcome> {
    let sysfs = Sysfs::at(root);
    let mut devices = Vec::new();
    for function in sysfs.functions()? {
        if function.is_longshore() {
            devices.push(entry(&sysfs, &function)?);
        }
    }
    if devices.is_empty() {
        output.remark(
            "no Longshore NIC on the PCI bus; after plugging one in: echo 1 > /sys/bus/pci/rescan",
        );
    }
    output.show(&List { devices })?;
    Ok(Outcome::Done)
}

fn entry(sysfs: &Sysfs, function: &PciFunction) -> Result<Entry> {
    let group = match sysfs.group(function.address) {
        Ok(group) => {
            let others = group
                .members
                .iter()
                .filter(|m| m.address != function.address);
            Some(Group {
                number: group.number,
                in_the_way: others
                    .filter(|m| m.is_in_the_way())
                    .map(|m| m.address.to_string())
                    .collect(),
            })
        }
        Err(SysfsError::NoIommu { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let attribute = |name: &str| {
        let path = sysfs.function_dir(function.address).join(name);
        let text = std::fs::read_to_string(path).ok()?;
        let text = text.trim();
        // What the kernel writes where there is no link.
        let known = !text.is_empty() && text != "0" && !text.starts_with("Unknown");
        known.then(|| text.to_owned())
    };
    let link = attribute("current_link_speed").zip(attribute("current_link_width"));
    Ok(Entry {
        address: function.address.to_string(),
        driver: function.driver.clone(),
        group,
        link: link.map(|(speed, width)| Link { speed, width }),
        numa_node: function.numa_node,
    })
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.devices.is_empty() {
            return Ok(());
        }
        let none = || "-".to_owned();
        let mut table = Table::new(["ADDRESS", "DRIVER", "GROUP", "LINK", "REMARK"]);
        for d in &self.devices {
            let remark = match (&d.group, d.driver.as_deref()) {
                (None, _) => "in no IOMMU group: `longshore doctor`".into(),
                (Some(group), _) if !group.in_the_way.is_empty() => {
                    format!("its group is held by {}", group.in_the_way.join(", "))
                }
                (_, Some(longshore_sysfs::VFIO_PCI)) => "ready".into(),
                _ => format!("`longshore bind {}`", d.address),
            };
            table.row([
                d.address.clone(),
                d.driver.clone().unwrap_or_else(none),
                d.group.as_ref().map_or_else(none, |g| g.number.to_string()),
                d.link
                    .as_ref()
                    .map_or_else(none, |l| format!("{} x{}", l.speed, l.width)),
                remark,
            ]);
        }
        write!(f, "{table}")
    }
}
