//! Time on the wall and time of a processor: on a shared machine the first measures the neighbours too.

use std::ops::Div;
use std::time::{Duration, Instant};

/// How long something took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// What a processor spent on it. For what waits on purpose, such as for a disk, the same as on the wall.
    pub cpu: Duration,
    /// On the wall.
    pub wall: Duration,
}

impl Took {
    /// Only the time on the wall counts.
    #[must_use]
    pub const fn on_the_wall(wall: Duration) -> Self {
        Self { cpu: wall, wall }
    }
}

impl Div<u32> for Took {
    type Output = Self;

    fn div(self, times: u32) -> Self {
        Self {
            cpu: self.cpu / times,
            wall: self.wall / times,
        }
    }
}

/// Runs since it was started, in this thread.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Option<Duration>,
}

impl Stopwatch {
    /// Starts.
    #[must_use]
    pub fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: of_this_thread(),
        }
    }

    /// What it took until now.
    #[must_use]
    pub fn read(self) -> Took {
        let (cpu, wall) = (of_this_thread(), self.wall.elapsed());
        Took {
            cpu: cpu.zip(self.cpu).map_or(wall, |(now, then)| now - then),
            wall,
        }
    }
}

/// What processors spent on this thread; `None` where the system does not tell.
#[cfg(unix)]
fn of_this_thread() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).ok()
}

#[cfg(not(unix))]
fn of_this_thread() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_sleeps_takes_no_processor() {
        let begun = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(30));
        let took = begun.read();
        assert!(took.wall >= Duration::from_millis(30));
        if cfg!(unix) {
            assert!(took.cpu < Duration::from_millis(20), "{took:?}");
        }
    }
}
