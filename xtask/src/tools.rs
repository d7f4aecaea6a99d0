//! What the checks need beside Rust: installed when missing, and never silently.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    steps::{Outcome, Step, Steps, say},
    workspace::Workspace,
};

/// Where Debian's package puts the browser, and where the scripts look for it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// rustfmt and clippy, which a minimal Rust comes without.
pub(crate) fn components(steps: &mut Steps<'_>) {
    for (component, program) in [("rustfmt", "cargo-fmt"), ("clippy", "cargo-clippy")] {
        if !works(program) {
            say(&format!("{component} is missing"));
            let add = Step::new(
                &format!("install {component}"),
                "rustup",
                &["component", "add", component],
            );
            steps.run(add.advice("install it the way this Rust was installed"));
        }
    }
}

/// Node, a browser, and what the scripts import.
pub(crate) fn browser(steps: &mut Steps<'_>, workspace: &Workspace) -> Outcome {
    let mut missing = Vec::new();
    if !works("node") {
        missing.push("nodejs");
    }
    if !works("npm") {
        missing.push("npm");
    }
    if !Path::new(CHROMIUM).exists() {
        // Without a font the browser draws no text.
        missing.extend(["chromium", "fonts-liberation"]);
    }
    if !missing.is_empty() && packages(steps, &missing) == Outcome::Failed {
        return Outcome::Failed;
    }
    modules(steps, workspace)
}

fn packages(steps: &mut Steps<'_>, missing: &[&str]) -> Outcome {
    say(&format!(
        "\nmissing, and installed by apt-get: {}",
        missing.join(", ")
    ));
    let advice = "install these packages yourself, then run this again";
    let apt = |arguments: &[&str]| {
        let name = format!("apt-get {}", arguments.join(" "));
        // Anyone but root asks for the right to install; without a terminal there is nobody to type a password.
        let root = output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
        let step = if root {
            Step::new(&name, "apt-get", arguments)
        } else {
            let arguments: Vec<&str> = ["-n", "apt-get"]
                .into_iter()
                .chain(arguments.iter().copied())
                .collect();
            Step::new(&name, "sudo", &arguments)
        };
        step.env("DEBIAN_FRONTEND", "noninteractive").advice(advice)
    };
    // Lists that are stale or only partly reachable may still hold what is needed: the installation decides.
    let _ = steps.output(apt(&["update"]));
    let install: Vec<&str> = ["install", "-y", "--no-install-recommends"]
        .iter()
        .chain(missing)
        .copied()
        .collect();
    steps.run(apt(&install))
}

/// `npm ci`, unless what is there is what the lock file says.
fn modules(steps: &mut Steps<'_>, workspace: &Workspace) -> Outcome {
    let modified = |path: &str| {
        fs::metadata(workspace.path(path))
            .and_then(|file| file.modified())
            .ok()
    };
    let installed = modified("xtask/e2e/node_modules/.package-lock.json");
    if installed.is_some() && installed >= modified("xtask/e2e/package-lock.json") {
        return Outcome::Passed;
    }
    let folder = workspace.path("xtask/e2e");
    let ci = Step::new(
        "npm ci",
        "npm",
        &["ci", "--prefix", &folder, "--no-audit", "--no-fund"],
    );
    steps.run(ci.advice("npm needs its registry: check the network, or npm's `registry` setting"))
}

/// Python's packages, in an environment of their own; its interpreter, if it could be made.
pub(crate) fn python(steps: &mut Steps<'_>, workspace: &Workspace) -> Option<String> {
    // Debian has parts of the standard library in a package of its own.
    if output("python3", &["-c", "import ensurepip, venv"]).is_none()
        && packages(steps, &["python3", "python3-venv"]) == Outcome::Failed
    {
        return None;
    }
    let version = output("python3", &["--version"]).unwrap_or_default();
    let new = "import sys; sys.exit(sys.version_info < (3, 11))";
    if output("python3", &["-c", new]).is_none() {
        let why = format!(
            "the packages need Python 3.11, and this is {}",
            version.trim()
        );
        steps.fail("python packages", &why);
        return None;
    }
    let wanted = workspace.path("xtask/e2e/requirements.txt");
    let folder = format!("{}/python", workspace.logs());
    let (installed, python) = (
        format!("{folder}/requirements.txt"),
        format!("{folder}/bin/python"),
    );
    let text = |path: &str| fs::read(path).ok();
    if text(&installed).is_some() && text(&installed) == text(&wanted) && works(&python) {
        return Some(python);
    }
    say(&format!(
        "\npackages for Python are installed into {folder}"
    ));
    let clear = ["-m", "venv", "--clear", &folder];
    let made = steps.run(
        Step::new("python environment", "python3", &clear)
            .advice("`python3 -m venv` has to work: install python3-venv"),
    );
    if made == Outcome::Failed {
        return None;
    }
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        &wanted,
    ];
    let done = steps.run(
        Step::new("python packages", &python, &install)
            .advice("pip needs its index: check the network, or pip's `index-url` setting"),
    );
    // Last, so that an installation that broke off is done again.
    (done == Outcome::Passed && fs::copy(&wanted, &installed).is_ok()).then_some(python)
}

fn works(program: &str) -> bool {
    output(program, &["--version"]).is_some()
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
