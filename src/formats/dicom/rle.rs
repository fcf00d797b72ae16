//! RLE Lossless (PS3.5 Annex G): byte planes packed with PackBits.

use super::fault::Fault;

/// Unpacks one frame of one sample per pixel into little-endian samples of `bytes_per_sample`.
pub(super) fn decode(frame: &[u8], pixels: usize, bytes_per_sample: usize) -> Result<Vec<u8>, Fault> {
    let damaged = || Fault::bad("the RLE data is damaged");
    // Header: the number of segments, then 15 offsets (G.5).
    let header = frame.get(..64).ok_or_else(damaged)?;
    let word = |index: usize| u32::from_le_bytes(std::array::from_fn(|byte| header[4 * index + byte])) as usize;
    if word(0) != bytes_per_sample {
        return Err(Fault::bad(format!("the RLE data has {} segments instead of {bytes_per_sample}", word(0))));
    }
    let mut samples = vec![0; pixels * bytes_per_sample];
    for segment in 0..bytes_per_sample {
        let start = word(segment + 1);
        let end = if segment + 1 < bytes_per_sample { word(segment + 2) } else { frame.len() };
        if start < 64 || end < start {
            return Err(damaged());
        }
        let packed = frame.get(start..end).ok_or_else(damaged)?;
        // Segments hold the most significant bytes first (G.2).
        let plane = samples.iter_mut().skip(bytes_per_sample - 1 - segment).step_by(bytes_per_sample);
        if !unpack(packed, plane) {
            return Err(Fault::bad("the RLE data is cut off"));
        }
    }
    Ok(samples)
}

/// PackBits (G.3.2); whether the whole plane was filled. Bytes beyond the plane are padding.
fn unpack<'a>(packed: &[u8], mut plane: impl Iterator<Item = &'a mut u8>) -> bool {
    let mut packed = packed.iter().copied();
    let Some(mut target) = plane.next() else { return true };
    while let Some(control) = packed.next() {
        let (literal, count) = match control {
            0..=127 => (true, usize::from(control) + 1),
            128 => continue,
            129..=255 => (false, 257 - usize::from(control)),
        };
        let repeated = if literal { 0 } else { packed.next().unwrap_or(0) };
        for _ in 0..count {
            let byte = if literal { packed.next() } else { Some(repeated) };
            let Some(byte) = byte else { return false };
            *target = byte;
            match plane.next() {
                Some(next) => target = next,
                None => return true,
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![segments.len() as u32];
        let mut at = 64;
        for segment in segments {
            header.push(at);
            at += segment.len() as u32;
        }
        header.resize(16, 0);
        header.iter().flat_map(|word| word.to_le_bytes()).chain(segments.concat()).collect()
    }

    #[test]
    fn runs_and_literals_interleave_high_byte_first() {
        let high: &[u8] = &[0xFD, 1];
        let low: &[u8] = &[3, 10, 11, 12, 13, 0];
        assert_eq!(decode(&frame(&[high, low]), 4, 2).unwrap(), [10, 1, 11, 1, 12, 1, 13, 1]);
    }

    #[test]
    fn lies_are_refused() {
        let good: &[u8] = &[3, 1, 2, 3, 4];
        assert_eq!(decode(&frame(&[good]), 4, 1).unwrap(), [1, 2, 3, 4]);
        assert!(decode(&frame(&[good]), 5, 1).is_err());
        assert!(decode(&frame(&[good]), 4, 2).is_err());
        let mut outside = frame(&[good]);
        outside[4..8].copy_from_slice(&9999_u32.to_le_bytes());
        assert!(decode(&outside, 4, 1).is_err());
        assert!(decode(&[0; 10], 4, 1).is_err());
    }
}
