//! Keys and values of one layer, with room to grow. The attention of a layer adds to
//! them while a [`KvCache`](super::KvCache) is read on.

use burn::tensor::{Int, Tensor, TensorData};

/// The axis of slots.
const SLOTS: usize = 2;

/// Keys and values of one layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past(Option<Kept>);

#[derive(Debug, Clone)]
struct Kept {
    /// Keys and values, `[rows, kv, slots and room, width]`.
    buffers: [Tensor<4>; 2],
    slots: usize,
    /// Whether something was appended to what was read first. What is appended to
    /// once needs no room; what is again will be, as an answer is by its words.
    appended: bool,
}

impl Past {
    /// Adds keys and values, `[rows, kv, slots, width]`, and gives all of them.
    ///
    /// Room is doubled when it is used up, so what is there is copied a few times,
    /// not once per token. With a graph there is none: each tensor is its own node.
    pub(crate) fn extend(&mut self, k: Tensor<4>, v: Tensor<4>) -> [Tensor<4>; 2] {
        let added = k.dims()[SLOTS];
        let kept = match self.0.take() {
            None => Kept {
                buffers: [k, v],
                slots: added,
                appended: false,
            },
            Some(kept) => {
                let (slots, appended) = (kept.slots, kept.appended);
                let [past_k, past_v] = kept.buffers;
                Kept {
                    buffers: [
                        append(past_k, slots, k, appended),
                        append(past_v, slots, v, appended),
                    ],
                    slots: slots + added,
                    appended: true,
                }
            }
        };
        let all = kept.used();
        self.0 = Some(kept);
        all
    }

    /// Only the chosen entries of an axis, in this order.
    pub(crate) fn select(&mut self, axis: usize, indices: &[usize]) {
        if let Some(kept) = self.0.take()
            && !indices.is_empty()
        {
            let [k, v] = kept.used();
            let indices: Vec<i64> = indices.iter().map(|&i| i as i64).collect();
            let count = indices.len();
            let data = TensorData::new(indices, [count]);
            let indices = Tensor::<1, Int>::from_data(data, &k.device());
            let buffers = [k, v].map(|x| x.select(axis, indices.clone()));
            self.0 = Some(Kept {
                slots: buffers[0].dims()[SLOTS],
                buffers,
                appended: kept.appended,
            });
        }
    }

    /// The same for a pass that computes gradients; none goes to what is here.
    pub(crate) fn autodiff(&self) -> Self {
        Self(self.0.as_ref().map(|kept| Kept {
            buffers: kept.used().map(Tensor::autodiff),
            ..*kept
        }))
    }

    /// Of the buffers, room included.
    pub(crate) fn bytes(&self) -> usize {
        let buffers = self.0.iter().flat_map(|kept| &kept.buffers);
        let bytes = |x: &Tensor<4>| x.shape().num_elements() * x.dtype().size();
        buffers.map(bytes).sum()
    }
}

impl Kept {
    /// Views without the room.
    fn used(&self) -> [Tensor<4>; 2] {
        self.buffers
            .each_ref()
            .map(|buffer| buffer.clone().narrow(SLOTS, 0, self.slots))
    }
}

/// A buffer with `new` behind its first `slots` slots: in place where there is room
/// and nobody else reads the buffer, in a copy otherwise.
fn append(buffer: Tensor<4>, slots: usize, new: Tensor<4>, with_room: bool) -> Tensor<4> {
    let [rows, heads, capacity, width] = buffer.dims();
    let needed = slots + new.dims()[SLOTS];
    let graph = buffer.is_autodiff() || new.is_autodiff();
    if needed <= capacity && !graph {
        return buffer.slice_assign([0..rows, 0..heads, slots..needed, 0..width], new);
    }
    let device = buffer.device();
    let mut parts = vec![buffer.narrow(SLOTS, 0, slots), new];
    if with_room && !graph {
        let room = needed.max(2 * capacity) - needed;
        let options = (&device, parts[1].dtype());
        parts.push(Tensor::zeros([rows, heads, room, width], options));
    }
    parts.retain(|part| part.dims()[SLOTS] > 0);
    Tensor::cat(parts, SLOTS)
}
