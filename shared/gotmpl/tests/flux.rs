//! The commit messages of the seed manifests, over data as imagebot builds it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gotmpl::{Limits, List, Map, Object, Template, Type, Value};

/// `messageTemplate` of the `ImageUpdateAutomation`s that the project started from.
const LONG: &str = "自动镜像更新

自动化名称: {{ .AutomationObject }}

文件:
{{ range $filename, $_ := .Updated.Files -}}
- {{ $filename }}
{{ end -}}

对象:
{{ range $resource, $_ := .Updated.Objects -}}
- {{ $resource.Kind }} {{ $resource.Name }}
{{ end -}}

镜像:
{{ range .Updated.Images -}}
- {{.}}
{{ end -}}
";

fn data() -> Value {
    let id = |kind: &str, name: &str| {
        Object::new("update.ObjectIdentifier")
            .field("APIVersion", "apps/v1")
            .field("Kind", kind)
            .field("Name", name)
            .field("Namespace", "prod")
    };
    let image = |name: &&str| Value::from(Object::new("update.imageRef").display(*name));
    let images = move |names: &[&str]| {
        List::of(Type::named("update.ImageRef"), names.iter().map(image).collect())
    };
    let objects =
        Map::of(Type::named("update.ObjectIdentifier"), Type::list(Type::named("update.ImageRef")))
            .with(id("Deployment", "web"), images(&["reg.example/web:2"]))
            .with(id("CronJob", "clean"), images(&["reg.example/clean:1.1"]));
    let file = |objects: &Map| Object::new("update.FileResult").field("Objects", objects.clone());
    let files = Map::of(Type::String, Type::named("update.FileResult"))
        .with("apps/web.yaml", file(&objects))
        .with("apps/clean.yaml", file(&objects));
    let updated = Object::new("update.Result")
        .field("Files", files)
        .method("Objects", 0, move |_| Ok(objects.clone().into()))
        .method("Images", 0, move |_| {
            Ok(images(&["reg.example/clean:1.1", "reg.example/web:2"]).into())
        });
    let automation = Object::new("types.NamespacedName")
        .field("Namespace", "flux-system")
        .field("Name", "my-app")
        .display("flux-system/my-app");
    Object::new("source.TemplateData")
        .field("AutomationObject", automation)
        .field("Updated", updated)
        .into()
}

#[track_caller]
fn render(text: &str) -> String {
    Template::parse("commit message", text).unwrap().render(&data(), &Limits::default()).unwrap()
}

#[test]
fn the_long_message_lists_files_objects_and_images() {
    let message = "自动镜像更新\n\n自动化名称: flux-system/my-app\n\n文件:\n- apps/clean.yaml\n- apps/web.yaml\n对象:\n\
        - CronJob clean\n- Deployment web\n镜像:\n- reg.example/clean:1.1\n- reg.example/web:2\n";
    assert_eq!(render(LONG), message);
}

#[test]
fn the_short_messages_render() {
    assert_eq!(
        render("Update image to {{range .Updated.Images}}{{println .}}{{end}}\n"),
        "Update image to reg.example/clean:1.1\nreg.example/web:2\n\n",
    );
    assert_eq!(render("由 Flux 自动镜像更新\n[ci skip]\n"), "由 Flux 自动镜像更新\n[ci skip]\n");
    assert_eq!(render("{{ .AutomationObject.Name }}"), "my-app");
}

#[test]
fn a_field_that_does_not_exist_is_named() {
    let template = Template::parse("commit message", "a\n  {{ .Updated.Nope }}").unwrap();
    let error = template.render(&data(), &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: commit message:2:13: executing \"commit message\" at <.Updated.Nope>: \
         can't evaluate field Nope in type update.Result",
    );
}
