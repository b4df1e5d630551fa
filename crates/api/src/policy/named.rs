//! Groups and devices alike: they have a name, may stand in the configuration, and have to fit to all others.

use journal::Offset;
use journal::shared::{Change, Collection, Document, SettingsState};
use node::policy::Plan;
use policy::devices::{Mistake, Pause, Scope};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::problem::{FieldError, Problem};
use super::edit::{Checked, Edit, body};

/// Pauses that are removed with one change.
const MAX_PAUSES_A_CHANGE: usize = 500;

/// A group or a device.
pub trait Named: Clone + Serialize + DeserializeOwned + Send + 'static {
    /// Where it is kept.
    const COLLECTION: Collection;
    /// What it is called.
    const WHAT: &'static str;
    /// What mistakes call all of them.
    const PLACE: &'static str;

    /// Its name.
    fn name(&self) -> &str;

    /// Takes over what stays from what it was before.
    fn keep(&mut self, old: &Self);

    /// All of them.
    fn all(plan: &mut Plan) -> &mut Vec<Self>;

    /// Whether one of this name stands in the configuration.
    fn is_of_file(plan: &Plan, name: &str) -> bool;

    /// Whether a pause is for it.
    fn is_paused_by(&self, scope: &Scope) -> bool;
}

/// The identifier of the document of a name: what identifiers cannot have is `:` and two hexadecimal digits an octet.
pub fn id_of(name: &str) -> String {
    let mut id = String::new();
    for octet in name.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'@' => id.push(char::from(octet)),
            _ => id.push_str(&format!(":{octet:02x}")),
        }
    }
    id
}

/// The documents of a collection that can be read.
pub fn documents<T: DeserializeOwned>(
    state: &SettingsState,
    collection: Collection,
) -> impl Iterator<Item = (&str, &Document, T)> {
    let all = state.documents(collection);
    all.filter_map(|(id, document)| Some((&**id, &**document, document.body.read().ok()?)))
}

/// Sets a new one.
///
/// # Errors
/// 409: there is one of its name. 422: it does not fit to the others.
pub async fn create<T: Named>(edit: Edit, item: T) -> Result<Offset, Problem> {
    edit.make(move |checked| {
        let plan = checked.policing.planned(checked.state);
        refuse_taken::<T>(&plan, checked.state, item.name())?;
        fits(checked, plan, None, Some(&item))?;
        Ok(vec![checked.state.put(T::COLLECTION, &id_of(item.name()), body(&item)?)])
    })
    .await
}

/// Sets another in place of one that was set before, perhaps with another name.
///
/// # Errors
/// As of [`create`]; 404: there is none; 412: it has changed.
pub async fn replace<T: Named>(edit: Edit, name: String, item: T) -> Result<Offset, Problem> {
    edit.make(move |checked| {
        let state = checked.state;
        let plan = checked.policing.planned(state);
        refuse_file::<T>(&plan, &name)?;
        checked.expecting(T::COLLECTION, &id_of(&name), T::WHAT)?;
        let mut item = item.clone();
        if let Some(old) = state.get(T::COLLECTION, &id_of(&name)).and_then(|document| document.body.read::<T>().ok()) {
            item.keep(&old);
        }
        let put = state.put(T::COLLECTION, &id_of(item.name()), body(&item)?);
        let is_renamed = item.name() != name;
        if is_renamed {
            refuse_taken::<T>(&plan, state, item.name())?;
        }
        fits(checked, plan, Some(&name), Some(&item))?;
        Ok(is_renamed.then(|| state.delete(T::COLLECTION, &id_of(&name))).into_iter().chain([put]).collect())
    })
    .await
}

/// Removes one, with its pauses.
///
/// # Errors
/// 404: there is none; 409: others need it; 412: it has changed.
pub async fn delete<T: Named>(edit: Edit, name: String) -> Result<Offset, Problem> {
    edit.make(move |checked| {
        let mut plan = checked.policing.planned(checked.state);
        refuse_file::<T>(&plan, &name)?;
        checked.expecting(T::COLLECTION, &id_of(&name), T::WHAT)?;
        let mut changes = vec![checked.state.delete(T::COLLECTION, &id_of(&name))];
        if let Some(old) = T::all(&mut plan).iter().find(|item| item.name() == name).cloned() {
            plan.pauses.retain(|pause| !old.is_paused_by(&pause.scope));
            changes.extend(pauses_of(checked.state, |pause| old.is_paused_by(&pause.scope)));
        }
        fits::<T>(checked, plan, Some(&name), None)?;
        Ok(changes)
    })
    .await
}

/// What removes the pauses that `which` says; as many as one change can have.
pub fn pauses_of(state: &SettingsState, which: impl Fn(&Pause) -> bool) -> Vec<Change> {
    let all = documents::<Pause>(state, Collection::Pauses).filter(|(.., pause)| which(pause));
    all.take(MAX_PAUSES_A_CHANGE).map(|(id, ..)| state.delete(Collection::Pauses, id)).collect()
}

/// 409 for something that stands in the configuration.
pub fn of_file(what: &str, name: &str) -> Problem {
    Problem::conflict(format!("{what} {name} stands in the configuration file: change it there"))
}

fn refuse_file<T: Named>(plan: &Plan, name: &str) -> Result<(), Problem> {
    if T::is_of_file(plan, name) { Err(of_file(T::WHAT, name)) } else { Ok(()) }
}

fn refuse_taken<T: Named>(plan: &Plan, state: &SettingsState, name: &str) -> Result<(), Problem> {
    refuse_file::<T>(plan, name)?;
    match state.get(T::COLLECTION, &id_of(name)) {
        Some(_) => Err(Problem::conflict(format!("there is a {} {name} already", T::WHAT))),
        None => Ok(()),
    }
}

/// Whether all devices, groups and pauses fit together with `item` in place of the one named `old`. Mistakes that were
/// there before are no reason to refuse a change of something else.
fn fits<T: Named>(checked: &Checked<'_>, mut plan: Plan, old: Option<&str>, item: Option<&T>) -> Result<(), Problem> {
    let all = T::all(&mut plan);
    all.retain(|known| Some(known.name()) != old && Some(known.name()) != item.map(T::name));
    // It is the last one, so that mistakes of two are told of it.
    let place = format!("{}[{}]", T::PLACE, all.len());
    all.extend(item.cloned());
    let Err(mistakes) = checked.policing.verify(&plan) else { return Ok(()) };
    let is_new = |mistake: &Mistake| item.is_some() && mistake.path.starts_with(&place);
    let was_good = || checked.policing.verify(&checked.policing.planned(checked.state)).is_ok();
    if !mistakes.iter().any(is_new) && !was_good() {
        return Ok(());
    }
    let faults: Vec<FieldError> = mistakes.iter().map(|mistake| fault(mistake, &place)).collect();
    match item {
        Some(_) => Err(Problem::unprocessable(faults)),
        None => Err(Problem::conflict(format!("something else needs this {}", T::WHAT)).with(faults)),
    }
}

/// A mistake as a fault of the body, if it is one of the item at `place`.
fn fault(mistake: &Mistake, place: &str) -> FieldError {
    let said = format!("{}; {}", mistake.wrong, mistake.right);
    match mistake.path.strip_prefix(place) {
        Some(rest) => FieldError::at(pointer(rest), said),
        None => FieldError { detail: format!("{}: {said}", mistake.path), ..FieldError::default() },
    }
}

/// `.addresses[0]` as JSON pointer (RFC 6901).
fn pointer(path: &str) -> String {
    path.replace(['.', '['], "/").replace(']', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_the_new_item_has_a_pointer_and_another_its_place() {
        let mistake =
            |path: &str| Mistake { path: path.to_owned(), wrong: "it is wrong".to_owned(), right: "right".to_owned() };
        let own = fault(&mistake("clients[3].addresses[0]"), "clients[3]");
        assert_eq!((own.pointer.as_deref(), own.detail.as_str()), (Some("/addresses/0"), "it is wrong; right"));
        let other = fault(&mistake("clients[1].group"), "clients[3]");
        assert_eq!((other.pointer, other.detail.as_str()), (None, "clients[1].group: it is wrong; right"));
    }
}
