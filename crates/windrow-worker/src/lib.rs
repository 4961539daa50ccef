//! Learners in processes of their own.
//!
//! A learner is a user's program. The host (this program) sends it lines of JSON, one request at a time, and checks
//! each answer. A process that dies, gives a wrong answer or is silent for too long is killed with its children. It is
//! replaced, and the request is tried once more.
//!
//! - `pool`: [`Pool`], the workers of a learner. `slots`: the callers that wait for a worker.
//!   `restarts`: the wait after a start that failed.
//! - `settings`: [`Settings`], [`Limits`]. `environment`: the variables that a learner gets.
//! - `worker`: requests and the checks of their answers. `scores`: the file of a learner's scores. `fault`: the reasons
//!   why a request has no result.
//! - `process`: one process, its three pipes and its time limits. `group`: a process group that ends with its owner.
//! - `protocol`: requests and answers as lines. `lines`: lines of bounded length. `log`: the last lines of a learner.
//! - `supervisor`: [`supervise`], the process between the host and the learner. `ending`: the end of a process, in
//!   words.
//!
//! Guarantees: memory and files are bounded, whatever a learner prints or writes. Each request ends within its limit.
//! The processes of a learner end with the pool, and also if the host is killed. Processes that leave their process
//! group are not found again.
//!
//! This crate knows nothing of windows, of the content of files, or of HTTP.

mod ending;
mod environment;
mod fault;
mod group;
mod lines;
mod log;
mod pool;
mod process;
mod protocol;
mod restarts;
mod scores;
mod settings;
mod slots;
mod supervisor;
mod worker;

pub use self::pool::Pool;
pub use self::settings::{Limits, Settings};
pub use self::supervisor::{exit_code, supervise};
