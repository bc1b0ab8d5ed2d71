//! What is answered, with the rights of whoever runs the tests; that it runs with none but reading, the end-to-end scripts see.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use tempfile::TempDir;

use super::super::super::walk::Stranger;
use super::*;

/// Somebody whom nothing here belongs to.
const ASKER: u32 = 3_999_999;

/// Folders as on a machine: `/etc` for all, root's files in it.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("mode set");
        let machine = Self { folder };
        for name in ["chain.pem", "key.pem", "webhook", "later.pem", "other.pem"] {
            machine.write(name, name);
        }
        machine.configure("key.pem", "");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).expect("mode set");
    }

    fn configure(&self, key: &str, more: &str) {
        let text = format!(
            "[[certificate]]\nchain = \"chain.pem\"\nkey = \"{key}\"\n[[site]]\nhosts = [\"a.example\"]\n\
             [[site.route]]\npath = \"/\"\nrespond = \"x\"\n{more}"
        );
        self.write("gatepost.toml", &text);
    }

    fn hello(&self) -> Hello {
        Hello {
            speaks: SPEAKS,
            configuration: self.path("gatepost.toml"),
            asker: Stranger { uid: ASKER, groups: vec![ASKER] },
            program: self.path("gatepost"),
        }
    }

    fn reading(&self) -> Reading {
        Reading::begin(self.hello()).expect("it begins")
    }
}

/// What is in the file, where it is opened.
fn opened(reading: &mut Reading, path: PathBuf) -> Result<String, Reply> {
    match reading.answer(Ask::Open(path)) {
        (Reply::Done, Some(descriptor)) => {
            let mut text = String::new();
            File::from(descriptor).read_to_string(&mut text).expect("readable");
            Ok(text)
        }
        (reply, descriptor) => {
            assert!(descriptor.is_none(), "{reply:?}");
            Err(reply)
        }
    }
}

#[test]
fn what_the_configuration_names_is_opened_itself_too_and_nothing_else() {
    let machine = Machine::new();
    let mut reading = machine.reading();
    for name in ["chain.pem", "key.pem"] {
        assert_eq!(opened(&mut reading, machine.path(name)), Ok(name.to_owned()));
    }
    assert!(opened(&mut reading, machine.path("gatepost.toml")).is_ok());
    for name in ["other.pem", "", "../key.pem", "later.pem"] {
        for ask in [Ask::Open, Ask::Stat, Ask::Trail, Ask::Listen] {
            assert_eq!(reading.answer(ask(machine.path(name))).0, Reply::Unnamed, "{name}");
        }
    }
    fs::remove_file(machine.path("key.pem")).expect("removed");
    assert_eq!(opened(&mut reading, machine.path("key.pem")), Err(Reply::System(Errno::NOENT.raw_os_error())));
}

#[test]
fn every_kind_of_file_with_a_secret_is_named_with_the_rest() {
    let machine = Machine::new();
    machine.configure(
        "key.pem",
        "[[site.route]]\npath = \"/jitsi/\"\nlauncher = \"j\"\n[launcher.j]\nprovider = \"jaas\"\n\
         app_id = \"vpaas-magic-cookie-1\"\nkey_id = \"vpaas-magic-cookie-1/a\"\nprivate_key = \"jaas.pk\"\n\
         identity = [\"plugin\"]\nplugin_app_id = \"p\"\nplugin_secret = { file = \"plugin\" }\n\
         webhook_secret = { file = \"webhook\" }\nguests = \"join\"\nguest_passcode = { file = \"passcode\" }\n\
         [launcher.j.page]\nlogo = \"logo.svg\"\nlanguage = \"de\"\nphrases = \"phrases.toml\"\n\
         [[site.route]]\npath = \"/up/\"\nproxy = \"https://up.example\"\nupstream_roots = \"up.pem\"\n\
         auth = \"staff\"\n[auth.staff]\nfile = \"staff.htpasswd\"\n\
         [acme]\nemail = \"a@b.example\"\ndirectory = \"https://ca.example/dir\"\ndirectory_roots = \"ca.pem\"\n\
         trusted_roots = \"issued.pem\"\neab_key_id = \"e\"\neab_hmac_key = { file = \"eab\" }\n",
    );
    let reading = machine.reading();
    let expected = [
        "chain.pem",
        "key.pem",
        "jaas.pk",
        "plugin",
        "webhook",
        "passcode",
        "logo.svg",
        "phrases.toml",
        "up.pem",
        "ca.pem",
        "issued.pem",
        "staff.htpasswd",
        "eab",
        "gatepost.toml",
    ];
    let expected: BTreeSet<PathBuf> = expected.iter().map(|name| machine.path(name)).collect();
    assert_eq!(reading.named, expected);
}

#[test]
fn the_list_grows_by_the_configuration_once_it_is_told_to_look_again() {
    let machine = Machine::new();
    let mut reading = machine.reading();
    machine.configure("later.pem", "");
    assert_eq!(opened(&mut reading, machine.path("later.pem")), Err(Reply::Unnamed));
    assert_eq!(reading.answer(Ask::LookAgain).0, Reply::Done);
    assert_eq!(opened(&mut reading, machine.path("later.pem")), Ok("later.pem".to_owned()));
    assert_eq!(opened(&mut reading, machine.path("key.pem")), Ok("key.pem".to_owned()), "it may be served yet");
    machine.write("gatepost.toml", "no = [\"configuration\"]");
    assert_eq!(reading.answer(Ask::LookAgain).0, Reply::Done);
    assert_eq!(
        opened(&mut reading, machine.path("later.pem")),
        Ok("later.pem".to_owned()),
        "nor does a faulty one take"
    );
}

#[test]
fn what_the_asker_could_have_written_names_nothing() {
    let machine = Machine::new();
    let mut reading = machine.reading();
    fs::set_permissions(machine.folder.path(), Permissions::from_mode(0o777)).expect("mode set");
    assert!(matches!(reading.answer(Ask::LookAgain).0, Reply::Changeable(_)));
    assert!(matches!(opened(&mut reading, machine.path("key.pem")), Err(Reply::Changeable(_))));
    assert!(Reading::begin(machine.hello()).is_err());
    fs::set_permissions(machine.folder.path(), Permissions::from_mode(0o755)).expect("mode set");
    if rustix::process::geteuid().is_root() {
        chown(machine.path("gatepost.toml"), Some(ASKER), None).expect("given");
        assert!(matches!(reading.answer(Ask::LookAgain).0, Reply::Changeable(_)));
        assert!(Reading::begin(machine.hello()).is_err());
    }
    assert!(opened(&mut reading, machine.path("key.pem")).is_ok());
}

#[test]
fn a_change_is_told_by_the_ear_that_it_gives() {
    let machine = Machine::new();
    let mut reading = machine.reading();
    assert!(matches!(reading.answer(Ask::Listen(machine.path("key.pem"))).0, Reply::Failed(_)), "no ear yet");
    let (Reply::Done, Some(ear)) = reading.answer(Ask::Ear) else { panic!("an ear") };
    let (Reply::Listening(names, blind), _) = reading.answer(Ask::Listen(machine.path("key.pem"))) else {
        panic!("it listens")
    };
    assert_eq!((names.len(), blind.len()), (1, 0));
    assert_eq!(names[0].1, b"key.pem");
    machine.write("key.pem", "another");
    let mut room = [std::mem::MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&ear, &mut room);
    let event = events.next().expect("an event");
    assert_eq!((event.wd(), event.file_name().expect("a name").to_bytes()), (names[0].0, &b"key.pem"[..]));
    let found = fs::metadata(machine.path("key.pem")).expect("there");
    let (Reply::Stat(stat), _) = reading.answer(Ask::Stat(machine.path("key.pem"))) else { panic!("a stat") };
    assert_eq!((stat[1].cast_unsigned(), stat[2]), (found.ino(), found.size().cast_signed()));
}

#[test]
fn another_program_than_roots_is_not_started_and_other_words_are_not_spoken() {
    let machine = Machine::new();
    assert!(Reading::begin(Hello { speaks: SPEAKS + 1, ..machine.hello() }).is_err());
    let mut reading = machine.reading();
    assert!(matches!(reading.answer(Ask::Another).0, Reply::Failed(_)), "it is not there");
    fs::create_dir(machine.path("bin")).expect("a folder");
    fs::set_permissions(machine.path("bin"), Permissions::from_mode(0o777)).expect("mode set");
    let mut reading =
        Reading::begin(Hello { program: machine.path("bin/gatepost"), ..machine.hello() }).expect("begun");
    assert_eq!(reading.answer(Ask::Another).0, Reply::Changeable(machine.path("bin")));
}
