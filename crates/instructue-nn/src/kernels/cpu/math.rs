//! Elementary functions without branches, tables or calls, so that loops over
//! them become SIMD.
//!
//! `S` is the instruction set that the loop is compiled for.

use pulp::Simd;

/// Elements that are worked on together: one register of AVX-512, two of AVX2.
pub const LANES: usize = 16;

/// a·b + c, in one instruction where there is SIMD. Without, that would be a
/// call.
#[inline(always)]
pub fn mul_add<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::IS_SCALAR {
        a * b + c
    } else {
        a.mul_add(b, c)
    }
}

/// eˣ to a relative 2.5e-7. Below -87 it is 0, above 88 it stays at e⁸⁸; NaN
/// stays NaN.
#[inline(always)]
pub fn exp<S: Simd>(x: f32) -> f32 {
    const LOW: f32 = -87.0;
    const HIGH: f32 = 88.0;
    // Comparisons, not `max` and `min`: those would swallow a NaN.
    let y = if x < LOW { LOW } else { x };
    let y = if y > HIGH { HIGH } else { y };
    // 2ⁿ · eʳ with n the nearest whole number to y / ln 2, found by adding the
    // number at which an f32 has no fraction bits left. ln 2 comes in two
    // parts, so that r is exact.
    let shifted = mul_add::<S>(y, std::f32::consts::LOG2_E, 12_582_912.0);
    let n = shifted - 12_582_912.0;
    let r = mul_add::<S>(n, -0.693_145_75, y);
    let r = mul_add::<S>(n, -1.428_606_8e-6, r);
    let mut p = 0.001_381_7;
    for coefficient in [0.008_363_2, 0.041_666_4, 0.166_666_55, 0.5, 1.0, 1.0] {
        p = mul_add::<S>(p, r, coefficient);
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < LOW { 0.0 } else { p * power }
}

/// 1 / (1 + e⁻ˣ)
#[inline(always)]
pub fn sigmoid<S: Simd>(x: f32) -> f32 {
    // The bounded exponential would leave 6e-39, which times -1e38 is not 0.
    let share = 1.0 / (1.0 + exp::<S>(-x));
    if x < -88.0 { 0.0 } else { share }
}

/// The normal distribution function Φ(x) to 1e-7, and e^(-x²/2), of which the
/// density is a multiple.
#[inline(always)]
pub fn normal<S: Simd>(x: f32) -> (f32, f32) {
    // Φ(-|x|)·e^(x²/2) as a polynomial in t, fitted to 3e-9.
    let t = 1.0 / mul_add::<S>(0.33, x.abs(), 1.0);
    let mut p = 0.044_574_364;
    for coefficient in [
        -0.216_016_25,
        0.322_378_45,
        -0.080_243_69,
        0.175_891_83,
        0.120_985_44,
        0.132_429_86,
    ] {
        p = mul_add::<S>(p, t, coefficient);
    }
    let tail = t * p;
    let bell = exp::<S>(-0.5 * x * x);
    let low = bell * tail;
    (if x > 0.0 { 1.0 - low } else { low }, bell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, Scalar, WithSimd};

    /// Every check without SIMD and with what this processor has.
    fn check(check: impl WithSimd<Output = ()> + Copy) {
        check.with_simd(Scalar::new());
        Arch::new().dispatch(check);
    }

    #[derive(Clone, Copy)]
    struct Exp;

    impl WithSimd for Exp {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            for i in -86_900..=88_000 {
                let x = i as f32 / 1_000.0;
                let error = (f64::from(exp::<S>(x)) / f64::from(x).exp() - 1.0).abs();
                assert!(error < 2.5e-7, "exp({x}) is off by {error:e}");
            }
            assert_eq!(exp::<S>(0.0), 1.0);
            assert_eq!(exp::<S>(-87.1), 0.0);
            assert_eq!(exp::<S>(f32::NEG_INFINITY), 0.0);
            assert!(exp::<S>(f32::INFINITY) > 1e38);
            assert!(exp::<S>(f32::NAN).is_nan());
        }
    }

    #[derive(Clone, Copy)]
    struct Sigmoids;

    impl WithSimd for Sigmoids {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            for x in [-1e30f32, -200.0, 200.0, 1e30] {
                let step = if x > 0.0 { 1.0 } else { 0.0 };
                assert!((sigmoid::<S>(x) - step).abs() < 1e-30);
                assert_eq!(normal::<S>(x), (step, 0.0));
            }
            assert!(sigmoid::<S>(f32::NAN).is_nan());
            assert!(normal::<S>(f32::NAN).0.is_nan());
            // Tables of the normal distribution.
            for (x, p) in [
                (0.0, 0.5),
                (0.5, 0.691_462_461_3),
                (1.0, 0.841_344_746_1),
                (1.96, 0.975_002_104_9),
                (3.0, 0.998_650_102_0),
            ] {
                let (found, bell) = normal::<S>(x);
                assert!((f64::from(found) - p).abs() < 1.2e-7, "{x}: {found}");
                let (mirrored, _) = normal::<S>(-x);
                assert!((f64::from(mirrored) - (1.0 - p)).abs() < 1.2e-7);
                assert!((bell - (-0.5 * x * x).exp()).abs() < 2e-7);
            }
        }
    }

    #[test]
    fn exp_is_exact_to_the_last_bits() {
        check(Exp);
    }

    #[test]
    fn sigmoid_and_normal_are_safe_at_both_ends() {
        check(Sigmoids);
    }
}
