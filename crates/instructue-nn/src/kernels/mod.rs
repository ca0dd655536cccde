//! Operators that Burn composes of many passes, each as one pass with its own
//! backward pass.
//!
//! With the feature `cpu`, `f32` tensors on Burn's CPU backend Flex take the
//! operators written here; every other tensor takes the same formula composed
//! of Burn's operations. Results agree to rounding. Norms and softmax of half
//! precision are computed in `f32`.
//!
//! This is the one place below the facade that names a backend.

#[cfg(feature = "cpu")]
mod cpu;

#[cfg(feature = "cpu")]
use burn::backend::{Dispatch, DispatchDevice};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, IndexingUpdateOp, Int, Tensor, activation};

#[cfg(feature = "cpu")]
use cpu::Kernels;

/// Whether there are operators here for this tensor.
#[cfg(feature = "cpu")]
pub(crate) fn own_operators<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && own_device(x)
}

/// Whether there are operators here for this tensor once it is `f32`.
#[cfg(feature = "cpu")]
pub(crate) fn own_device<const D: usize>(x: &Tensor<D>) -> bool {
    computes_here(&x.device())
}

/// Whether the device is the one that there are operators for.
#[cfg(feature = "cpu")]
fn computes_here(device: &Device) -> bool {
    let device = device.clone().inner();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// Whether there are operators here for this tensor.
#[cfg(not(feature = "cpu"))]
pub(crate) fn own_operators<const D: usize>(_: &Tensor<D>) -> bool {
    false
}

/// Whether there are operators here for this tensor once it is `f32`.
#[cfg(not(feature = "cpu"))]
pub(crate) fn own_device<const D: usize>(_: &Tensor<D>) -> bool {
    false
}

/// How many of `batch` entries of `length` rows one pass of inference should
/// take at a time on this tensor's device; all of them if it does not matter.
///
/// On a CPU every operation on a large batch writes to memory what the next one
/// reads from there; some rows at a time stay in the cache, and each weight is
/// still read seldom enough. Where several threads compute, there are as many
/// parts, to run [`side_by_side`].
pub fn entries_at_a_time<const D: usize>(x: &Tensor<D>, [batch, length]: [usize; 2]) -> usize {
    /// The activations of more rows leave the cache.
    const MOST: usize = 1024;
    /// Fewer rows are not worth reading all weights.
    const FEWEST: usize = 128;
    if batch == 0 || !own_device(x) {
        return batch;
    }
    let length = length.max(1);
    let share = batch.div_ceil(threads()).max(FEWEST.div_ceil(length));
    share.min((MOST / length).max(1)).min(batch)
}

/// `part` of each of `0..count`, on all threads where the device computes on
/// threads. Each part is done by one of them for the most part, and none waits
/// for another after each operation.
pub fn side_by_side<T: Send>(
    device: &Device,
    count: usize,
    part: impl Fn(usize) -> T + Send + Sync,
) -> Vec<T> {
    #[cfg(not(feature = "cpu"))]
    let _ = device;
    #[cfg(feature = "cpu")]
    if count > 1 && threads() > 1 && computes_here(device) {
        use rayon::prelude::*;
        return (0..count).into_par_iter().map(part).collect();
    }
    (0..count).map(part).collect()
}

/// How many threads compute.
#[cfg(feature = "cpu")]
fn threads() -> usize {
    rayon::current_num_threads()
}

/// Nothing here computes on threads.
#[cfg(not(feature = "cpu"))]
fn threads() -> usize {
    1
}

/// Whether elements are of half precision.
pub(crate) fn half(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16)
}

/// Whether a tensor of half precision is better computed as `f32`: its device
/// has operators here.
fn better_wide<const D: usize>(x: &Tensor<D>) -> bool {
    half(x.dtype()) && own_device(x)
}

/// The type in which a product with a weight is taken.
///
/// On Burn's CPU backend a product of half precision is one of `f32` between
/// conversions. Then only the weight is converted, and what it meets and what
/// comes out is not rounded. Not in a graph: that would keep the copy.
pub(crate) fn product_dtype<const D: usize>(weight: &Tensor<D>) -> DType {
    match better_wide(weight) && !weight.is_autodiff() {
        true => DType::F32,
        false => weight.dtype(),
    }
}

/// A weight in its [`product_dtype`].
pub(crate) fn product_weight<const D: usize>(weight: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if product_dtype(&weight) != weight.dtype() {
        return Tensor::from_dispatch(Dispatch::widen(weight.into_dispatch()));
    }
    weight
}

/// A module whose tensors lie row by row in memory. Of a [checkpoint read as
/// views](crate::checkpoint::Checkpoint::with_views) products are slower than of this one.
pub fn contiguous<M: Module>(module: M) -> M {
    struct Copy;
    impl ModuleMapper for Copy {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                #[cfg(feature = "cpu")]
                if own_device(&tensor) {
                    let trained = tensor.is_require_grad();
                    let rows = Dispatch::contiguous(tensor.into_dispatch());
                    return Tensor::from_dispatch(rows).set_require_grad(trained);
                }
                tensor
            })
        }
    }
    module.map(&mut Copy)
}

/// `x·w`, whose result is written once where there is an operator for it.
///
/// # Shapes
///
/// - `x`: `[rows, inner]`, `w`: `[inner, columns]`, of one element type
/// - result: `[rows, columns]`
///
/// # Panics
///
/// If the shapes do not fit together.
pub fn product(x: Tensor<2>, w: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if own_operators(&x) && own_operators(&w) {
        assert_eq!(x.dims()[1], w.dims()[0], "columns of x and rows of w");
        let (x, w) = (x.into_dispatch(), w.into_dispatch());
        return Tensor::from_dispatch(Dispatch::product(x, w));
    }
    x.matmul(w)
}

/// `x·w + scale·(z·a)·b`: a map with low-rank factors. `z` is `x` after dropout, `None` if there
/// is none. No gradient goes to `w`.
///
/// # Shapes
///
/// - `x`, `z`: `[rows, inner]`, `w`: `[inner, columns]`, `a`: `[inner, rank]`, `b`: `[rank,
///   columns]`, of one element type
/// - result: `[rows, columns]`
///
/// # Panics
///
/// If the shapes do not fit together.
pub fn low_rank(
    x: Tensor<2>,
    w: Tensor<2>,
    z: Option<Tensor<2>>,
    [a, b]: [Tensor<2>; 2],
    scale: f64,
) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if [&x, &w, &a, &b].into_iter().all(own_operators) {
        let same = z.is_none();
        let z = z.unwrap_or_else(|| x.clone());
        let [x, w, z, a, b] = [x, w, z, a, b].map(Tensor::into_dispatch);
        let y = Dispatch::low_rank(x, w, z, a, b, scale as f32, same);
        return Tensor::from_dispatch(y);
    }
    let z = z.unwrap_or_else(|| x.clone());
    let w = w.detach();
    // The scale goes where the tensor is narrowest.
    x.matmul(w) + z.matmul(a).mul_scalar(scale).matmul(b)
}

/// Attention in blocks of query rows, if there is an operator for these
/// tensors and it is quicker than three operations on all rows at once.
///
/// The shapes are those of [`attend`](crate::attention::attend) and fit.
#[cfg(feature = "cpu")]
pub(crate) fn blocked_attention(
    q: &Tensor<4>,
    k: &Tensor<4>,
    v: &Tensor<4>,
    bias: &Tensor<4>,
) -> Option<Tensor<4>> {
    /// Scores of a head below which the overhead of its products shows.
    const FEW: usize = 48 * 48;
    let few = q.dims()[2] * k.dims()[2] < FEW || q.dims()[0] == 0;
    if few || ![q, k, v, bias].into_iter().all(own_operators) {
        return None;
    }
    let bias = bias.clone().inner().into_dispatch();
    let [q, k, v] = [q, k, v].map(|x| x.clone().into_dispatch());
    Some(Tensor::from_dispatch(Dispatch::attention(q, k, v, bias)))
}

/// Without operators of its own.
#[cfg(not(feature = "cpu"))]
pub(crate) fn blocked_attention(
    _: &Tensor<4>,
    _: &Tensor<4>,
    _: &Tensor<4>,
    _: &Tensor<4>,
) -> Option<Tensor<4>> {
    None
}

/// `softmax(scores + bias)` over the last axis. No gradient goes to the bias.
///
/// # Shapes
///
/// - `scores` and the result: `[batch, heads, query, key]`
/// - `bias`: `[batch, 1, query or a divisor of it, key]`, of any element type;
///   fewer rows are repeated in order
///
/// # Panics
///
/// If the shapes do not fit together.
pub fn biased_softmax(scores: Tensor<4>, bias: &Tensor<4>) -> Tensor<4> {
    let [batch, heads, query, key] = scores.dims();
    let [bias_batch, one, rows, bias_key] = bias.dims();
    let fits = bias_batch == batch && one == 1 && bias_key == key;
    assert!(
        fits && rows > 0 && query.is_multiple_of(rows),
        "a bias of {:?} does not fit scores of {:?}",
        bias.dims(),
        scores.dims()
    );
    let dtype = scores.dtype();
    if half(dtype) {
        return biased_softmax(scores.cast(DType::F32), bias).cast(dtype);
    }
    let bias = &bias.clone().cast(dtype);
    #[cfg(feature = "cpu")]
    if own_operators(&scores) && own_operators(bias) {
        let bias = bias.clone().inner().into_dispatch();
        return Tensor::from_dispatch(Dispatch::biased_softmax(scores.into_dispatch(), bias));
    }
    // The repetition is an axis of its own while the bias is added, so that
    // the bias is broadcast, not copied.
    let scores = scores.reshape([batch, heads, query / rows, rows, key])
        + bias.clone().inner().unsqueeze_dim::<5>(2);
    activation::softmax(scores.reshape([batch, heads, query, key]), 3)
}

/// `−ln softmax(logits)[target]` of each row.
///
/// The gradient `softmax(logits) − onehot(target)` is known in closed form, so the graph holds one
/// `[rows, vocabulary]` tensor instead of the four of a log-softmax.
///
/// # Shapes
///
/// - `logits`: `[rows, vocabulary]`
/// - `targets`: `[rows]`, ids below `vocabulary`
/// - result: `[rows]`
///
/// # Panics
///
/// If there is not one target per row, or, on a CPU, one is no id.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [rows, vocabulary] = logits.dims();
    assert_eq!(targets.dims(), [rows], "a target per row");
    #[cfg(feature = "cpu")]
    if rows > 0 && own_operators(&logits) {
        let ids = targets.into_data().convert::<i64>().try_into_vec::<i64>();
        let ids = ids.expect("ids").into_iter().map(|id| {
            let id = usize::try_from(id).ok().filter(|id| *id < vocabulary);
            id.expect("a target below the size of the vocabulary")
        });
        let (logits, ids) = (logits.into_dispatch(), ids.collect());
        return Tensor::from_dispatch(Dispatch::cross_entropy(logits, ids));
    }
    #[cfg(not(feature = "cpu"))]
    let _ = vocabulary;
    if rows == 0 {
        return Tensor::zeros([0], &logits.device());
    }
    // The softmax is written out, because each line reuses the buffer of the line before, and
    // because the value needs the sum, too.
    let values = logits.clone().without_autodiff();
    let targets = targets.without_autodiff().reshape([rows, 1]);
    let largest = values.clone().max_dim(1);
    let wanted = values.clone().gather(1, targets.clone());
    let exponentials = (values - largest.clone()).exp();
    let sum = exponentials.clone().sum_dim(1);
    let losses = (largest - wanted) + sum.clone().log();
    if !logits.is_tracked() {
        return losses.reshape([rows]);
    }
    let less = sum.ones_like().neg();
    let gradient = (exponentials / sum).scatter(1, targets, less, IndexingUpdateOp::Add);
    // `Σ logits·g` has the gradient g. Its value is subtracted before the losses are added: adding
    // an exact zero costs no digits.
    let known = (logits * gradient).sum_dim(1);
    let zero = known.clone() - known.detach();
    (zero + losses).reshape([rows])
}

/// `silu(gate) · up`, with `silu(x) = x / (1 + e⁻ˣ)`: the gated activation of
/// Llama-type feed-forward parts.
///
/// # Shapes
///
/// - `gate`, `up` and the result: any, all equal
///
/// # Panics
///
/// If the shapes differ.
pub fn silu_mul<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    assert_eq!(gate.dims(), up.dims(), "gate and up have the same shape");
    if better_wide(&gate) && better_wide(&up) {
        let dtype = gate.dtype();
        return silu_mul(gate.cast(DType::F32), up.cast(DType::F32)).cast(dtype);
    }
    #[cfg(feature = "cpu")]
    if own_operators(&gate) && own_operators(&up) {
        let y = Dispatch::silu_mul(gate.into_dispatch(), up.into_dispatch());
        return Tensor::from_dispatch(y);
    }
    activation::silu(gate) * up
}

/// `x·Φ(x)` with the exact normal distribution function, to 1e-7.
///
/// # Shapes
///
/// - `x` and the result: any
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if better_wide(&x) {
        let dtype = x.dtype();
        return gelu(x.cast(DType::F32)).cast(dtype);
    }
    #[cfg(feature = "cpu")]
    if own_operators(&x) {
        return Tensor::from_dispatch(Dispatch::gelu(x.into_dispatch()));
    }
    activation::gelu(x)
}

/// `x / √(mean(x²) + ε) · γ` over the last axis.
///
/// # Shapes
///
/// - `x` and the result: `[..., width]`
/// - `gamma`: `[width]`
///
/// # Panics
///
/// If the width differs.
pub fn rms_norm<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, epsilon: f64) -> Tensor<D> {
    let width = x.dims()[D - 1];
    assert_eq!(gamma.dims(), [width], "a scale per column of x");
    let dtype = x.dtype();
    if half(dtype) {
        return rms_norm(x.cast(DType::F32), gamma, epsilon).cast(dtype);
    }
    let gamma = gamma.cast(dtype);
    #[cfg(feature = "cpu")]
    if own_operators(&x) && own_operators(&gamma) {
        let (x, gamma) = (x.into_dispatch(), gamma.into_dispatch());
        return Tensor::from_dispatch(Dispatch::rms_norm(x, gamma, epsilon as f32));
    }
    let square = x.clone().square().sum_dim(D - 1) / width as f64;
    x * (square + epsilon).sqrt().recip() * gamma.unsqueeze()
}

/// `(x − mean) / √(variance + ε) · γ + β` over the last axis.
///
/// # Shapes
///
/// - `x` and the result: `[..., width]`
/// - `gamma`, `beta`: `[width]`
///
/// # Panics
///
/// If the width differs.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    let width = x.dims()[D - 1];
    assert_eq!(gamma.dims(), [width], "a scale per column of x");
    assert_eq!(beta.dims(), [width], "a shift per column of x");
    let dtype = x.dtype();
    if half(dtype) {
        return layer_norm(x.cast(DType::F32), gamma, beta, epsilon).cast(dtype);
    }
    let (gamma, beta) = (gamma.cast(dtype), beta.cast(dtype));
    #[cfg(feature = "cpu")]
    if own_operators(&x) && own_operators(&gamma) && own_operators(&beta) {
        let (x, gamma, beta) = (
            x.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
        );
        return Tensor::from_dispatch(Dispatch::layer_norm(x, gamma, beta, epsilon as f32));
    }
    burn::tensor::module::layer_norm(x, gamma, Some(beta), epsilon)
}

/// `x·cos + turned(x)·sin`, where `turned` is the second half of each row,
/// negated, followed by the first. No gradient goes to the tables.
///
/// # Shapes
///
/// - `x` and the result: `[batch, heads, length, width]`, `width` even; `x`
///   may be a transposed view
/// - `cos`, `sin`: `[batch, 1, length, width]`
///
/// # Panics
///
/// If the shapes do not fit together.
pub fn rotate(x: Tensor<4>, cos: &Tensor<4>, sin: &Tensor<4>) -> Tensor<4> {
    let [batch, _, length, width] = x.dims();
    for table in [cos, sin] {
        assert_eq!(
            table.dims(),
            [batch, 1, length, width],
            "a row per position"
        );
    }
    assert!(width.is_multiple_of(2), "the width is even");
    let (cos, sin) = (cos.clone().inner(), sin.clone().inner());
    #[cfg(feature = "cpu")]
    if own_operators(&x) && own_operators(&cos) && own_operators(&sin) {
        let (cos, sin) = (cos.into_dispatch(), sin.into_dispatch());
        return Tensor::from_dispatch(Dispatch::rotate(x.into_dispatch(), cos, sin));
    }
    let first = x.clone().narrow(3, 0, width / 2);
    let second = x.clone().narrow(3, width / 2, width / 2);
    let turned = Tensor::cat(vec![second.neg(), first], 3);
    x * cos + turned * sin
}
