//! Which token of which lane each slot of a cache holds. Positions and the mask of a
//! pass follow from it; it is in host memory, so no step waits for the device.

/// Every lane of the row reads the slot: it is from before the fork.
const ALL: u32 = 0;
/// Padding.
const NOBODY: u32 = u32::MAX;

/// `rows` rows of `width` slots. A row has `lanes` lanes; a slot belongs to all
/// of them, to one of them or, as padding, to none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slots {
    pub rows: usize,
    pub lanes: usize,
    pub width: usize,
    /// `[rows, width]`: [`ALL`], [`NOBODY`] or 1 + lane.
    owner: Vec<u32>,
    /// `[rows, width]`: position of the token in its lane.
    position: Vec<usize>,
    /// `[rows, lanes]`: tokens, which is the next token's position.
    pub lengths: Vec<usize>,
    /// `[rows, lanes]`: the first position that further tokens see.
    from: Vec<usize>,
}

/// What the decoder must know of slots that were added.
pub(super) struct Added {
    /// `[rows, added]`
    pub positions: Vec<i64>,
    /// `[rows, added, width]` with the added slots counted in the width.
    pub allowed: Vec<bool>,
}

impl Slots {
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            lanes: 1,
            width: 0,
            owner: Vec::new(),
            position: Vec::new(),
            lengths: vec![0; rows],
            from: vec![0; rows],
        }
    }

    /// Adds the same number of slots to each row: `lanes` tells for each of
    /// `[rows, added]` the lane within its row, or that it is padding.
    ///
    /// # Panics
    ///
    /// If the slots do not divide into rows or a lane is not there.
    pub fn add(&mut self, lanes: &[Option<usize>]) -> Added {
        assert!(
            self.rows > 0 && lanes.len().is_multiple_of(self.rows),
            "{} slots do not divide into {} rows",
            lanes.len(),
            self.rows
        );
        let added = lanes.len() / self.rows;
        let old = self.width;
        let width = old + added;
        let mut owner = Vec::with_capacity(self.rows * width);
        let mut position = Vec::with_capacity(self.rows * width);
        for row in 0..self.rows {
            owner.extend_from_slice(&self.owner[row * old..][..old]);
            position.extend_from_slice(&self.position[row * old..][..old]);
            for lane in &lanes[row * added..][..added] {
                let Some(lane) = *lane else {
                    owner.push(NOBODY);
                    position.push(0);
                    continue;
                };
                assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
                owner.push(if self.lanes == 1 {
                    ALL
                } else {
                    1 + lane as u32
                });
                let length = &mut self.lengths[row * self.lanes + lane];
                position.push(*length);
                *length += 1;
            }
        }
        (self.owner, self.position, self.width) = (owner, position, width);

        let mut out = Added {
            positions: Vec::with_capacity(lanes.len()),
            allowed: Vec::with_capacity(lanes.len() * width),
        };
        for row in 0..self.rows {
            let owner = &self.owner[row * width..][..width];
            let position = &self.position[row * width..][..width];
            for query in old..width {
                out.positions.push(position[query] as i64);
                // Padding sees what all see; nobody reads what comes of it.
                let own = owner[query];
                let from = match own {
                    NOBODY => 0,
                    _ => self.from[row * self.lanes + own.saturating_sub(1) as usize],
                };
                out.allowed.extend((0..width).map(|key| {
                    let mine = owner[key] == ALL || (owner[key] == own && own != NOBODY);
                    key <= query && mine && position[key] >= from
                }));
            }
        }
        out
    }

    /// Hides the tokens of one lane before `position` from those still to come.
    pub fn look_from(&mut self, lane: usize, position: usize) {
        self.from[lane] = position;
    }

    /// Whether a lane has tokens of its own.
    pub fn parted(&self) -> bool {
        self.owner.iter().any(|&o| o != ALL && o != NOBODY)
    }

    /// Makes each lane a row of its own.
    pub fn part(&mut self) {
        let (lanes, width) = (self.lanes, self.width);
        let mut owner = Vec::with_capacity(self.rows * lanes * width);
        let mut position = Vec::with_capacity(self.rows * lanes * width);
        for row in 0..self.rows {
            for lane in 0..lanes {
                let slots = self.owner[row * width..][..width].iter();
                owner.extend(slots.map(|&o| match o == ALL || o == 1 + lane as u32 {
                    true => ALL,
                    false => NOBODY,
                }));
                position.extend_from_slice(&self.position[row * width..][..width]);
            }
        }
        (self.owner, self.position) = (owner, position);
        self.rows *= lanes;
        self.lanes = 1;
    }

    /// Cuts each row into `count` times as many lanes, which all read what is
    /// there. No lane has tokens of its own.
    pub fn fork(&mut self, count: usize) {
        debug_assert!(!self.parted());
        let repeat = |values: &[usize]| {
            let values = values.iter();
            values
                .flat_map(|&value| std::iter::repeat_n(value, count))
                .collect()
        };
        self.lengths = repeat(&self.lengths);
        self.from = repeat(&self.from);
        self.lanes *= count;
    }

    /// Forgets all but the first `count` tokens of each lane; returns the slots
    /// that some row still needs.
    pub fn truncate(&mut self, count: usize) -> Vec<usize> {
        for (owner, &position) in self.owner.iter_mut().zip(&self.position) {
            if position >= count {
                *owner = NOBODY;
            }
        }
        for length in &mut self.lengths {
            *length = count.min(*length);
        }
        for from in &mut self.from {
            *from = count.min(*from);
        }
        let width = self.width;
        let needed =
            |&slot: &usize| (0..self.rows).any(|row| self.owner[row * width + slot] != NOBODY);
        let kept: Vec<usize> = (0..width).filter(needed).collect();
        let of_rows =
            (0..self.rows).flat_map(|row| kept.iter().map(move |&slot| row * width + slot));
        let of_rows: Vec<usize> = of_rows.collect();
        self.owner = of_rows.iter().map(|&at| self.owner[at]).collect();
        self.position = of_rows.iter().map(|&at| self.position[at]).collect();
        self.width = kept.len();
        kept
    }

    /// Keeps these rows, in this order.
    pub fn keep(&mut self, rows: &[usize]) {
        fn of<T: Copy>(values: &[T], rows: &[usize], width: usize) -> Vec<T> {
            let rows = rows.iter();
            rows.flat_map(|&row| values[row * width..][..width].iter().copied())
                .collect()
        }
        self.owner = of(&self.owner, rows, self.width);
        self.position = of(&self.position, rows, self.width);
        self.lengths = of(&self.lengths, rows, self.lanes);
        self.from = of(&self.from, rows, self.lanes);
        self.rows = rows.len();
    }
}
