//! What the kernel says an IOMMU can map.

use std::{mem::size_of, ops::RangeInclusive};

use longshore_dma::PAGE_SIZE;
use vfio_bindings::bindings::vfio::{
    VFIO_IOMMU_INFO_CAPS, VFIO_IOMMU_INFO_PGSIZES, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
    vfio_info_cap_header, vfio_iommu_type1_info, vfio_iommu_type1_info_cap_iova_range,
    vfio_iova_range,
};

use crate::OpenError;

/// Bus addresses that can be mapped, and how finely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Apertures {
    pub(crate) page: u64,
    pub(crate) ranges: Vec<RangeInclusive<u64>>,
}

impl Apertures {
    /// Keeps whole pages, and leaves page 0 out, so that a null address faults.
    pub(crate) fn new(
        page: u64,
        ranges: impl IntoIterator<Item = RangeInclusive<u64>>,
    ) -> Result<Self, OpenError> {
        let page = page.max(PAGE_SIZE as u64);
        if !page.is_power_of_two() {
            return Err(OpenError::Iommu("its page size is no power of two"));
        }
        let whole = |range: RangeInclusive<u64>| {
            let first = (*range.start()).max(1).checked_next_multiple_of(page)?;
            // One past the last whole page, less one; the last address of all has none past it.
            let last = match range.end().checked_add(1) {
                Some(end) => (end / page * page).checked_sub(1)?,
                None => u64::MAX,
            };
            (first < last).then_some(first..=last)
        };
        let ranges: Vec<_> = ranges.into_iter().filter_map(whole).collect();
        if ranges.is_empty() {
            return Err(OpenError::Iommu("it maps no address at all"));
        }
        Ok(Self { page, ranges })
    }
}

/// Reads the answer to `VFIO_IOMMU_GET_INFO`: a head, then a chain of capabilities linked by offsets from the start.
pub(crate) fn parse(answer: &[u8]) -> Result<Apertures, OpenError> {
    const SHORT: OpenError = OpenError::Iommu("its description ends early");
    let u32_at = |at: usize| -> Result<u32, OpenError> {
        let bytes = answer.get(at..at + 4).ok_or(SHORT)?;
        Ok(u32::from_ne_bytes(bytes.try_into().map_err(|_| SHORT)?))
    };
    let u64_at = |at: usize| -> Result<u64, OpenError> {
        let bytes = answer.get(at..at + 8).ok_or(SHORT)?;
        Ok(u64::from_ne_bytes(bytes.try_into().map_err(|_| SHORT)?))
    };
    use std::mem::offset_of;
    let flags = u32_at(offset_of!(vfio_iommu_type1_info, flags))?;
    let sizes = match flags & VFIO_IOMMU_INFO_PGSIZES {
        0 => PAGE_SIZE as u64,
        _ => u64_at(offset_of!(vfio_iommu_type1_info, iova_pgsizes))?,
    };
    if sizes == 0 {
        return Err(OpenError::Iommu("it has no page size"));
    }
    let smallest = 1 << sizes.trailing_zeros();
    let mut at = match flags & VFIO_IOMMU_INFO_CAPS {
        0 => 0,
        _ => u32_at(offset_of!(vfio_iommu_type1_info, cap_offset))? as usize,
    };
    // A chain that runs in a circle is longer than there are places for headers.
    for _ in 0..answer.len() / size_of::<vfio_info_cap_header>() {
        if at == 0 {
            break;
        }
        let head = u32_at(at + offset_of!(vfio_info_cap_header, id))?;
        if head & 0xffff == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE {
            type Cap = vfio_iommu_type1_info_cap_iova_range;
            let count = u32_at(at + offset_of!(Cap, nr_iovas))? as usize;
            let first = at + offset_of!(Cap, iova_ranges);
            let ranges = (0..count)
                .map(|i| {
                    let range = first + i * size_of::<vfio_iova_range>();
                    Ok(u64_at(range)?..=u64_at(range + 8)?)
                })
                .collect::<Result<Vec<_>, OpenError>>()?;
            return Apertures::new(smallest, ranges);
        }
        at = u32_at(at + offset_of!(vfio_info_cap_header, next))? as usize;
    }
    Err(OpenError::Iommu(
        "it does not say which addresses it maps: the kernel is older than 5.4",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kernel on a PC answers: the capability of free entries, then the ranges around the window of interrupt
    /// messages.
    fn answer() -> Vec<u8> {
        let mut words: Vec<u32> = vec![0, 3, 0x4020_1000, 0, 24, 0];
        words.extend([3, 36, 65_535]);
        words.extend([1 | 1 << 16, 0, 2, 0]);
        for (start, end) in [(0u64, 0xfedf_ffff_u64), (0xfef0_0000, (1 << 39) - 1)] {
            words.extend([
                start as u32,
                (start >> 32) as u32,
                end as u32,
                (end >> 32) as u32,
            ]);
        }
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
        bytes.resize(256, 0);
        bytes
    }

    #[test]
    fn ranges_and_the_smallest_page_are_found() {
        let apertures = parse(&answer()).unwrap();
        assert_eq!(apertures.page, 4096);
        assert_eq!(
            apertures.ranges,
            [0x1000..=0xfedf_ffff, 0xfef0_0000..=(1 << 39) - 1]
        );
    }

    #[test]
    fn an_answer_without_ranges_or_with_a_circle_or_cut_short_is_refused() {
        let mut none = answer();
        none[4] = 1;
        assert!(parse(&none).unwrap_err().to_string().contains("5.4"));
        let mut circle = answer();
        circle[28] = 24;
        assert!(parse(&circle).is_err());
        for len in 0..answer().len() {
            // Whatever is cut off: an answer or an error.
            let _ = parse(&answer()[..len]);
        }
        assert!(parse(&answer()[..60]).is_err());
        let mut far = answer();
        far[16..20].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(parse(&far).is_err());
    }

    #[test]
    fn only_whole_pages_are_used() {
        let apertures = Apertures::new(4096, [0..=0x2fff, 0x5001..=0x7ffe, 0x9001..=0x9fff]);
        assert_eq!(
            apertures.unwrap().ranges,
            [0x1000..=0x2fff, 0x6000..=0x6fff]
        );
        let all = Apertures::new(1, std::iter::once(0..=u64::MAX)).unwrap();
        assert_eq!(
            (all.page, &all.ranges[..]),
            (4096, &[0x1000..=u64::MAX][..])
        );
        assert!(Apertures::new(4096, std::iter::once(0..=0xfff)).is_err());
        assert!(Apertures::new(0x3000, std::iter::once(0..=u64::MAX)).is_err());
    }
}
