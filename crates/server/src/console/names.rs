//! The names of people on a page. A key or the command line is shown as what it is.

use std::collections::BTreeMap;

use tuikuan_domain::Actor;

use super::fault::Fault;
use super::language::Language;
use crate::app::Shared;

/// The names of some people.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// The names of these; each person is read once.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the store does not answer.
    pub(crate) async fn of(
        app: &Shared,
        actors: impl IntoIterator<Item = Actor>,
    ) -> Result<Self, Fault> {
        let mut names = BTreeMap::new();
        for actor in actors {
            let id = match actor {
                Actor::Person(id) => id,
                Actor::Key(_) if names.keys().all(|id: &String| !id.starts_with("key_")) => {
                    let keys = app.engine.store().api_keys().await?;
                    names.extend(keys.into_iter().map(|key| (key.id.to_string(), key.name)));
                    continue;
                }
                Actor::Key(_) | Actor::Cli | Actor::Engine => continue,
            };
            if names.contains_key(id.as_str()) {
                continue;
            }
            if let Some(user) = app.engine.store().user(&id).await? {
                names.insert(id.as_str().to_owned(), user.name);
            }
        }
        Ok(Self(names))
    }

    /// Somebody's name.
    pub(crate) fn name(&self, actor: &Actor, language: Language) -> String {
        match actor {
            Actor::Person(id) => {
                let known = self.0.get(id.as_str());
                known.cloned().unwrap_or_else(|| id.to_string())
            }
            Actor::Key(id) => {
                let name = self.0.get(id.as_ref()).map_or(id.as_ref(), String::as_str);
                format!("{} {name}", language.of("密钥", "key"))
            }
            Actor::Cli => language.of("命令行", "command line").to_owned(),
            Actor::Engine => language.of("系统", "Tuikuan").to_owned(),
        }
    }
}
