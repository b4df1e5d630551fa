//! Lists that are files of this machine.

use super::*;

fn file(path: &Path) -> Subscription {
    let (source, origin) = (Source::File(path.to_owned()), Origin::Configuration);
    Subscription { source, origin, ..subscription("own", "") }
}

/// The list `own` from a file, which has been read.
fn with_file(text: &str) -> (Setting, PathBuf) {
    let setting = Setting::with(|settings| settings.limits.first_retry = Duration::from_millis(50));
    let path = setting.directory.path().join("own.txt");
    fs::write(&path, text).expect("written");
    setting.lists.configure(vec![file(&path)]);
    setting.until("own", |state| state.phase == Phase::Current);
    assert_eq!(setting.report(), ["own"]);
    (setting, path)
}

#[test]
fn a_file_is_followed() {
    let (setting, path) = with_file("a.example\n");
    assert_eq!((setting.text("own"), setting.state("own").next_attempt_ms), ("a.example\n".into(), None));
    fs::write(&path, "a.example\nb.example\n").expect("written");
    assert_eq!((setting.report(), setting.text("own")), (vec!["own".into()], "a.example\nb.example\n".into()));
    // Replaced as editors do it, and packed.
    let new = path.with_extension("new");
    fs::write(&new, gzip("c.example\n")).expect("written");
    fs::rename(&new, &path).expect("renamed");
    assert_eq!((setting.report(), setting.text("own")), (vec!["own".into()], "c.example\n".into()));
}

#[test]
fn a_file_that_is_not_touched_is_not_read_again_even_after_a_restart() {
    let (setting, path) = with_file("a.example\n");
    let checked = setting.state("own").checked_at_ms;
    setting.lists.stop();
    let (lists, reports) = start(settings(&setting.server), &setting.directory, Arc::new(find));
    lists.configure(vec![file(&path)]);
    let later = Setting { lists, reports, ..setting };
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!((later.state("own").checked_at_ms, later.state("own").phase), (checked, Phase::Current));
    assert_eq!(later.text("own"), "a.example\n");
}

#[test]
fn a_file_that_is_gone_or_no_list_leaves_the_last_good_text() {
    let (setting, path) = with_file(&names(1000));
    fs::remove_file(&path).expect("removed");
    let failure = setting.until("own", |state| state.phase == Phase::Failing).failure.expect("failed");
    assert!(failure.problem.starts_with("the file cannot be read: No such file"), "{failure:?}");
    let why = |why: &'static str| {
        let says = move |state: &ListState| state.failure.as_ref().is_some_and(|it| it.problem.contains(why));
        setting.until("own", says);
        assert_eq!(setting.text("own"), names(1000));
    };
    fs::write(&path, "<html><body>moved</body></html>").expect("written");
    why("web page");
    fs::write(&path, "").expect("written");
    why("shrank from 15893 to 0 bytes");
    fs::write(&path, vec![b'x'; 300_000]).expect("written");
    why("larger than 200000 bytes");
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("made");
    why("no regular file");
    fs::remove_dir(&path).expect("removed");
    fs::write(&path, names(1001)).expect("written");
    setting.until("own", |state| state.phase == Phase::Current);
    assert_eq!(setting.text("own"), names(1001));
}

#[test]
fn a_file_that_the_api_names_is_refused_even_when_it_is_ordered() {
    let setting = Setting::new();
    let foreign = Subscription { origin: Origin::Api, ..file(Path::new("/etc/hosts")) };
    setting.lists.configure(vec![foreign]);
    assert!(setting.lists.refresh("own", true));
    setting.until("own", |state| state.failure.as_ref().is_some_and(|failure| failure.count == 2));
    let state = setting.state("own");
    assert_eq!((state.phase, state.next_attempt_ms, setting.lists.path("own")), (Phase::Failing, None, None));
    assert_eq!(state.failure.expect("refused").problem, "lists from files come from the configuration file only");
}
