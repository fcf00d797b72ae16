//! Vector arithmetic the compiler can widen: plain loops over 16 lanes, compiled once per instruction set.
//!
//! Inside, no closures and no `array::map`: those are functions of their own, compiled without the wide instructions, and a
//! fused multiply-add then becomes a call.

/// Sixteen voxels.
pub(super) type Lanes = [f32; 16];

/// `a * b + c`; `FMA` where the instruction set fuses it (a fused call would be slow elsewhere).
#[inline(always)]
pub(super) fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `sum + w * x` per lane.
#[inline(always)]
pub(super) fn mul_add<const FMA: bool>(sum: &mut Lanes, w: f32, x: &Lanes) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum = fused::<FMA>(w, *x, *sum);
    }
}

/// Views a slice as lanes; its length must be a multiple of 16.
#[inline(always)]
pub(super) fn lanes(values: &[f32]) -> &[Lanes] {
    let (lanes, rest) = values.as_chunks();
    debug_assert!(rest.is_empty());
    lanes
}

/// The same, mutable.
#[inline(always)]
pub(super) fn lanes_mut(values: &mut [f32]) -> &mut [Lanes] {
    let (lanes, rest) = values.as_chunks_mut();
    debug_assert!(rest.is_empty());
    lanes
}

/// Defines `fn $name` that runs `$body::<FMA>` compiled for the best instruction set the processor has.
macro_rules! multiversion {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$doc])*
        #[allow(unsafe_code, reason = "calling a function compiled for instructions that were just detected")]
        pub(super) fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn avx512($($arg: $type),*) {
                    $body::<true>($($arg),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) {
                    $body::<true>($($arg),*);
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    if is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512vl")
                        && is_x86_feature_detected!("avx512bw")
                        && is_x86_feature_detected!("avx512dq")
                    {
                        // SAFETY: the features were detected on this line's condition.
                        return unsafe { avx512($($arg),*) };
                    }
                    // SAFETY: the features were detected on this line's condition.
                    return unsafe { avx2($($arg),*) };
                }
            }
            $body::<{ cfg!(target_arch = "aarch64") }>($($arg),*);
        }
    };
}
pub(super) use multiversion;
