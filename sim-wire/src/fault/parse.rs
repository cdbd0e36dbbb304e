//! Fault configurations, rates and times from a command line.

use std::str::FromStr;

use thiserror::Error;

use super::config::{BadFaultConfig, FaultConfig, Hold};
use crate::line::Rate;
use crate::time::Picos;

/// Text that names no fault configuration, line rate or time.
#[derive(Debug, Error, PartialEq)]
pub enum BadText {
    /// An unknown word before `=`.
    #[error(
        "{key:?} is no fault; known are loss, duplicate, corrupt, bits, truncate, reorder, hold, hold-limit, delay and jitter, \
         as in loss=1%,reorder=0.02,delay=10us"
    )]
    Key {
        /// The word.
        key: String,
    },
    /// A part without a value, or with one that does not parse.
    #[error("{text:?} is no {expected}")]
    Value {
        /// What was given.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Numbers out of range.
    #[error(transparent)]
    Range(#[from] BadFaultConfig),
}

fn bad(text: &str, expected: &'static str) -> BadText {
    BadText::Value {
        text: text.to_owned(),
        expected,
    }
}

/// A probability: `0.01` or `1%`.
fn rate(text: &str) -> Result<f64, BadText> {
    let (number, scale) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |number| (number, 100.0));
    let number: f64 = number
        .parse()
        .map_err(|_| bad(text, "probability, such as 0.01 or 1%"))?;
    Ok(number / scale)
}

impl FromStr for Picos {
    type Err = BadText;

    /// A time with its unit: `800ps`, `1.5us`, `2ms`, `1s`.
    fn from_str(text: &str) -> Result<Self, BadText> {
        let expected = "time, such as 500ns, 1.5us or 2ms";
        let units = [
            ("ps", 1.0),
            ("ns", 1e3),
            ("µs", 1e6),
            ("us", 1e6),
            ("ms", 1e9),
            ("s", 1e12),
        ];
        let (number, scale) = units
            .iter()
            .find_map(|&(unit, scale)| Some((text.strip_suffix(unit)?, scale)))
            .ok_or_else(|| bad(text, expected))?;
        let picos = number
            .trim()
            .parse::<f64>()
            .map_err(|_| bad(text, expected))?
            * scale;
        // A day is far beyond any wire, and leaves room to add.
        if !(0.0..=8.64e16).contains(&picos) {
            return Err(bad(text, "time between 0 and a day"));
        }
        Ok(Self(picos.round() as u64))
    }
}

impl FromStr for Rate {
    type Err = BadText;

    /// `10G`, `2.5G`, `100M` bits per second, or `unlimited`.
    fn from_str(text: &str) -> Result<Self, BadText> {
        let expected = "line rate, such as 10G, 100M or unlimited";
        if text == "unlimited" {
            return Ok(Self::UNLIMITED);
        }
        let (number, scale) = text
            .strip_suffix('G')
            .map(|number| (number, 1e9))
            .or_else(|| text.strip_suffix('M').map(|number| (number, 1e6)))
            .ok_or_else(|| bad(text, expected))?;
        let bits = number.parse::<f64>().map_err(|_| bad(text, expected))? * scale;
        if !(1e6..=1e12).contains(&bits) {
            return Err(bad(text, "line rate between 1M and 1000G"));
        }
        Self::bits_per_second(bits.round() as u64).ok_or_else(|| bad(text, expected))
    }
}

impl FromStr for FaultConfig {
    type Err = BadText;

    /// Faults separated by commas, as in `loss=1%,reorder=0.02,hold=3,delay=10us`. `hold` is a number of frames or a time;
    /// `bits` is [`max_flipped_bits`](Self::max_flipped_bits). Empty text injects nothing.
    fn from_str(text: &str) -> Result<Self, BadText> {
        let mut config = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                "loss" => config.loss = rate(value)?,
                "duplicate" => config.duplicate = rate(value)?,
                "corrupt" => config.corrupt = rate(value)?,
                "bits" => {
                    config.max_flipped_bits =
                        value.parse().map_err(|_| bad(value, "number of bits"))?
                }
                "truncate" => config.truncate = rate(value)?,
                "reorder" => config.reorder = rate(value)?,
                "hold" => {
                    config.hold = match value.parse() {
                        Ok(frames) => Hold::Frames(frames),
                        Err(_) => Hold::For(value.parse()?),
                    }
                }
                "hold-limit" => config.hold_limit = value.parse()?,
                "delay" => config.delay = value.parse()?,
                "jitter" => config.jitter = value.parse()?,
                _ => {
                    return Err(BadText::Key {
                        key: key.to_owned(),
                    });
                }
            }
        }
        config.check()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_can_be_named() {
        let text = "loss=1%, duplicate=0.02,corrupt=0.5,bits=4,truncate=1,reorder=2.5%,hold=5us,hold-limit=2ms,delay=10us,\
                    jitter=500ns";
        let expected = FaultConfig {
            loss: 0.01,
            duplicate: 0.02,
            corrupt: 0.5,
            max_flipped_bits: 4,
            truncate: 1.0,
            reorder: 0.025,
            hold: Hold::For(Picos::from_micros(5)),
            hold_limit: Picos::from_millis(2),
            delay: Picos::from_micros(10),
            jitter: Picos::from_nanos(500),
        };
        assert_eq!(text.parse(), Ok(expected));
        assert_eq!(
            "hold=7".parse(),
            Ok(FaultConfig {
                hold: Hold::Frames(7),
                ..FaultConfig::default()
            })
        );
        assert_eq!("".parse(), Ok(FaultConfig::default()));
    }

    #[test]
    fn what_does_not_parse_is_quoted() {
        for text in [
            "lose=1%",
            "loss",
            "loss=often",
            "loss=101%",
            "loss=NaN",
            "bits=-1",
            "hold=soon",
            "delay=10",
            "delay=-1us",
        ] {
            let error = text.parse::<FaultConfig>().unwrap_err().to_string();
            let said = text.split_once('=').map_or("", |(_, value)| value);
            assert!(
                error.contains(said) || error.contains("lose") || error.contains("1.01"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn line_rates_parse() {
        assert_eq!("10G".parse(), Ok(Rate::GBPS_10));
        assert_eq!("2.5G".parse::<Rate>().unwrap().to_string(), "2.5 Gb/s");
        assert_eq!("unlimited".parse(), Ok(Rate::UNLIMITED));
        for text in ["", "G", "0G", "-1G", "10", "inf", "NaNG"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
