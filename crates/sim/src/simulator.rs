//! A running simulator: the world behind a lock, the wire side, the control side and the postman
//! around it. Nothing waits while the lock is held; every task ends with `shutdown`.

mod control;
mod postman;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, wall_ms};
use crate::identity::Authority;
use crate::merchant::SetupError;
use crate::setup::{FolderError, MerchantPlan, SimFile, prepare, usual_merchants, write_sim_file};
use crate::world::World;

/// How a simulator is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the wire side listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the control side listens; port 0 takes a free one.
    pub control: SocketAddr,
    /// The folder for keys and `sim.json`.
    pub dir: PathBuf,
    /// How much faster than real time the simulator's clock runs.
    pub speed: f64,
    /// The seed of everything that is left to chance.
    pub seed: u64,
    /// The merchants.
    pub merchants: Vec<MerchantPlan>,
    /// Further authorities that the receivers of notifications may be certified by, PEM.
    pub trust_ca: Vec<String>,
}

impl Options {
    /// The usual merchants, free ports on loopback, real time.
    #[must_use]
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            control: SocketAddr::from(([127, 0, 0, 1], 0)),
            dir: dir.into(),
            speed: 1.0,
            seed: 1,
            merchants: usual_merchants(),
            trust_ca: Vec::new(),
        }
    }
}

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder cannot be prepared.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A merchant's account cannot be opened.
    #[error(transparent)]
    Merchant(#[from] SetupError),
    /// An address cannot be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The TLS side cannot be built from the keys in the folder.
    #[error("cannot set up TLS")]
    Tls {
        /// Why.
        source: rustls::Error,
    },
    /// A certificate authority is not PEM, or not usable.
    #[error("an authority to be trusted cannot be read")]
    Authority,
    /// The client that delivers notifications cannot be built.
    #[error("cannot set up the client for notifications")]
    Client {
        /// Why.
        source: reqwest::Error,
    },
    /// Making the keys was interrupted.
    #[error("making the keys was interrupted")]
    Interrupted,
}

/// What the tasks of a simulator share.
pub(crate) struct Shared {
    world: Mutex<World>,
    clock: Mutex<Clock>,
    /// Rings when something may have become due earlier than the postman thinks.
    bell: Notify,
    tracker: TaskTracker,
    stop: CancellationToken,
    authority: Authority,
    dir: PathBuf,
    seed: u64,
}

impl Shared {
    /// The world at the present time.
    fn world(&self) -> MutexGuard<'_, World> {
        let now_ms = self.clock().now_ms();
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.set_wall_ms(wall_ms());
        world.advance_to(now_ms);
        world
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running simulator. Dropping it stops everything at once; `shutdown` also waits.
pub struct Simulator {
    shared: Arc<Shared>,
    file: SimFile,
    wire: SocketAddr,
    control: SocketAddr,
}

impl Simulator {
    /// Prepares the folder, listens, and writes `sim.json`.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let plans = options.merchants.clone();
        let (dir, seed) = (options.dir.clone(), options.seed);
        let address = options.listen.ip();
        let preparing =
            tokio::task::spawn_blocking(move || prepare(&dir, &plans, (seed, wall_ms()), address));
        let folder = preparing
            .await
            .map_err(|_cancelled| StartError::Interrupted)??;
        let clock = Clock::start(options.speed);
        let mut world = World::new(seed, clock.now_ms());
        let mut entries = Vec::new();
        for (setup, entry) in folder.merchants {
            world.add_merchant(setup)?;
            entries.push(entry);
        }
        let acceptor = wire::acceptor(&folder.server, &folder.authority)?;
        let client = postman::client(&folder.authority, &options.trust_ca)?;
        let (wire, wire_address) = listen(options.listen).await?;
        let (control, control_address) = listen(options.control).await?;
        let file = SimFile {
            endpoint: format!("https://{wire_address}"),
            control: format!("http://{control_address}"),
            ca: PathBuf::from("ca.pem"),
            merchants: entries,
        };
        write_sim_file(&options.dir, &file)?;
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            clock: Mutex::new(clock),
            bell: Notify::new(),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            authority: folder.authority,
            dir: options.dir,
            seed,
        });
        let tracker = &shared.tracker;
        tracker.spawn(wire::serve(wire, acceptor, Arc::clone(&shared)));
        tracker.spawn(control::serve(control, Arc::clone(&shared)));
        tracker.spawn(postman::run(client, Arc::clone(&shared)));
        Ok(Self {
            shared,
            file,
            wire: wire_address,
            control: control_address,
        })
    }

    /// What `sim.json` says.
    #[must_use]
    pub fn file(&self) -> &SimFile {
        &self.file
    }

    /// Base URL of the wire side.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.file.endpoint
    }

    /// Base URL of the control side.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.file.control
    }

    /// Address of the wire side.
    #[must_use]
    pub fn wire_address(&self) -> SocketAddr {
        self.wire
    }

    /// Address of the control side.
    #[must_use]
    pub fn control_address(&self) -> SocketAddr {
        self.control
    }

    /// The folder with keys and `sim.json`.
    #[must_use]
    pub fn dir(&self) -> &std::path::Path {
        &self.shared.dir
    }

    /// The authority's certificate, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.shared.authority.issued.certificate_pem
    }

    /// Looks at the world, or changes it, at the present time.
    pub fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let seen = look(&mut self.shared.world());
        self.shared.bell.notify_one();
        seen
    }

    /// Pushes the simulator's clock forward.
    pub fn advance_ms(&self, ms: i64) {
        self.shared.clock().push(ms);
        self.shared.bell.notify_one();
    }

    /// Stops and waits until every task has ended.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
