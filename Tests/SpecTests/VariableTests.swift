// Variables: a value is read as what its place asks for, values hold variables, and no name that is given goes unnoticed.

import Diagnostics
import Testing
import YAMLTree

@testable import Spec
@testable import Vocabulary

@Suite("variables")
struct VariableTests {
  /// Decodes an object as a spec would have it.
  private func decode(
    _ type: ObjectType, _ yaml: String, _ values: [String: String]
  ) throws -> (object: ObjectSpec, diagnostics: [Diagnostic]) {
    let parsed = parseYAML(SourceFile(path: "/specs/lab.yaml", text: yaml))
    var diagnostics = parsed.diagnostics
    var scope = VariableScope(VariableSources(values: values), declarations: nil, into: &diagnostics)
    let node = scope.substitute(in: try #require(parsed.documents.first, "\(yaml)"), into: &diagnostics)
    var decoder = ObjectDecoder()
    decoder.index = 1
    let object = decoder.decode(node, as: type, named: YAMLNode("x", at: node.range))
    return (object, diagnostics + decoder.diagnostics)
  }

  private func load(
    _ text: String, _ sources: VariableSources = VariableSources()
  ) -> (stack: StackSpec?, diagnostics: [Diagnostic]) {
    let result = SpecLoader(variables: sources).load([SourceFile(path: "/specs/lab.yaml", text: text)])
    return (result.stack, result.diagnostics)
  }

  // MARK: Typed by the place

  @Test("a value made of variables is what the same text without them is, in every field, however it is quoted")
  func everywhere() throws {
    #expect(ValuePlace.all.count > 800)
    for place in ValuePlace.all {
      let parsed = try place.leaf.parse(place.sample)
      var leaf = parsed
      if case .secretFile = place.leaf { leaf = .secret("secret") }
      let middle = place.sample.index(place.sample.startIndex, offsetBy: place.sample.count / 2)
      let values = [
        "v": place.sample, "a": String(place.sample[..<middle]), "b": String(place.sample[middle...]), "empty": "",
      ]
      var specs = [
        place.flow("\"${v}\""), place.flow("'${v}'"), place.flow("\"${a}${b}\""), place.flow("\"${empty}${v}\""),
        place.block("\"${v}\""),
      ]
      if place.isPlain { specs.append(place.block("${v}")) }
      for spec in specs {
        let (object, diagnostics) = try decode(place.object, spec, values)
        #expect(diagnostics.isEmpty, "\(place.testDescription): \(spec): \(diagnostics.map(\.message))")
        #expect(object.settings[place.field]?.value == place.whole(leaf), "\(place.testDescription): \(spec)")
      }
    }
  }

  @Test("the number of a domain is a number")
  func number() throws {
    let spec = """
      stack: lab
      domains: { web: { count: 2, memory: 1 GiB, vcpus: "${index}", title: "${index}" } }
      """
    let stack = try #require(load(spec).stack)
    #expect(stack.domains.map { $0[.vcpuCount] } == [1, 2])
    #expect(stack.domains.map { $0[.title] } == ["1", "2"])
  }

  @Test(
    "a wrong value is told in the words of its kind",
    arguments: [
      ("vcpus", "two", "`two` is not a number"), ("vcpus", "1.5", "`1.5` is not a whole number"),
      ("vcpus", "0", "vcpus.count: 0 is too small"), ("autostart", "yes", "`yes` is not a boolean"),
      ("memory", "2048", "memory: a size needs a unit"), ("memory", "", "memory: `` is not a size"),
      ("state", "on", "state: `on` is not one of"),
    ])
  func wrong(field: String, value: String, message: String) {
    let spec = "stack: lab\ndomains: { web: { \(field): \"${v}\"\(field == "memory" ? "" : ", memory: 1 GiB") } }"
    let diagnostics = load(spec, VariableSources(values: ["v": value])).diagnostics
    #expect(diagnostics.count == 1)
    #expect(diagnostics.first?.message.hasPrefix(message) == true, "\(diagnostics.map(\.message))")
  }

  @Test("a text in quotes is no number still, without a variable")
  func quoted() {
    let diagnostics = load("stack: lab\ndomains: { web: { memory: 1 GiB, vcpus: \"2\" } }").diagnostics
    #expect(diagnostics.map(\.message) == ["`2` is not a number"])
  }

  // MARK: Variables in variables

  private func title(_ text: String, _ sources: VariableSources = VariableSources()) -> String? {
    load(text, sources).stack?.domains.first?[.title]
  }

  private static let use = "domains: { web: { memory: 1 GiB, title: \"${title}\" } }"

  @Test("values of the spec and of files hold variables, in any order and depth, and what wins is what counts")
  func nested() {
    let spec = """
      stack: lab
      variables: { title: "${a}/${c}", a: "<${b}>", b: inner, c: "$$${b} $5 $" }
      \(Self.use)
      """
    #expect(title(spec) == "<inner>/$inner $5 $")
    #expect(title(spec, VariableSources(values: ["b": "given"])) == "<given>/$given $5 $")
    let file = SourceFile(path: "vars.yaml", text: "a: \"file of ${b}\"\nb: ${c}\nc: deep")
    #expect(title(spec, VariableSources(files: [file])) == "file of deep/deep")
  }

  @Test("a value cannot make a variable of what follows it")
  func injection() {
    let spec = "stack: lab\nvariables: { a: \"$\" }\ndomains: { web: { memory: 1 GiB, title: \"${a}{index}\" } }"
    #expect(title(spec) == "${index}")
    #expect(title(spec, VariableSources(values: ["a": "$$"])) == "$${index}")
  }

  @Test("a value may hold the number of a domain")
  func numbered() throws {
    let spec = """
      stack: lab
      variables: { title: "number ${index}" }
      domains: { web: { count: 2, memory: 1 GiB, title: "${title}" } }
      """
    let stack = try #require(load(spec).stack)
    #expect(stack.domains.map { $0[.title] } == ["number 1", "number 2"])
  }

  @Test(
    "variables that stand for each other are an error with the chain",
    arguments: [
      ("{ title: \"${title}\" }", "the variable `title` refers to itself"),
      ("{ title: \"${b}\", b: \"${c}x\", c: \"${b}\" }", "the variables refer to each other: b → c → b"),
      ("{ title: a, b: \"${c}\", c: \"${d}\", d: \"${b}\" }", "the variables refer to each other: b → c → d → b"),
    ])
  func circles(variables: String, message: String) {
    let (stack, diagnostics) = load("stack: lab\nvariables: \(variables)\n\(Self.use)")
    #expect(stack == nil)
    #expect(diagnostics.map(\.message) == [message])
    #expect(diagnostics.first?.range?.start.line == 2)
  }

  @Test("a circle that a value from outside cuts is none")
  func cut() {
    let spec = "stack: lab\nvariables: { title: \"${b}\", b: \"${title}\" }\n\(Self.use)"
    #expect(title(spec, VariableSources(values: ["b": "x"])) == "x")
  }

  @Test("an unknown variable in a value is told at its place, once")
  func unknown() {
    let spec = "stack: lab\nvariables: { title: \"${rot}\", root: /srv, other: \"${title}\" }\n\(Self.use)"
    let diagnostics = load(spec).diagnostics
    #expect(diagnostics.map(\.message) == ["the variable `rot` has no value"])
    #expect(diagnostics.first?.suggestion == "did you mean `${root}`?")
    #expect(diagnostics.first?.range?.start.line == 2)
  }

  @Test("values of the command line and the environment are taken as they are, and not without a word")
  func literal() {
    let spec = "stack: lab\nvariables: { title: x, root: /srv }\n\(Self.use)"
    for sources in [
      VariableSources(values: ["title": "${root}/a"]), VariableSources(environment: ["VIREO_VAR_title": "${root}/a"]),
    ] {
      let (stack, diagnostics) = load(spec, sources)
      #expect(stack?.domains[0][.title] == "${root}/a")
      #expect(diagnostics.map(\.rule) == ["literal-variable"] && diagnostics[0].severity == .warning)
    }
    // What is no variable of the spec is a text like any other.
    #expect(load(spec, VariableSources(values: ["title": "a${b}$c"])).diagnostics.isEmpty)
  }

  // MARK: Names that nothing uses

  @Test("a name that nothing uses is an error with what was meant, and a warning in the environment")
  func unused() {
    let spec = "stack: lab\nvariables: { title: x, unused: y }\n\(Self.use)"
    let file = SourceFile(path: "vars.yaml", text: "unused: 1\ntitel: 2\n")
    let cases: [(VariableSources, Severity, Int?)] = [
      (VariableSources(values: ["titel": "x"]), .error, nil), (VariableSources(files: [file]), .error, 2),
      (VariableSources(environment: ["VIREO_VAR_titel": "x", "OTHER": "y"]), .warning, nil),
    ]
    for (sources, severity, line) in cases {
      let diagnostics = load(spec, sources).diagnostics
      #expect(diagnostics.map(\.rule) == ["unused-variable"] && diagnostics[0].severity == severity)
      #expect(diagnostics[0].suggestion == "did you mean `title`?")
      #expect(diagnostics[0].range?.start.line == line)
    }
  }

  @Test("a name is used where another value or an overridden default holds it")
  func usedWithin() {
    let spec = "stack: lab\nvariables: { title: \"${a}\" }\n\(Self.use)"
    let file = SourceFile(path: "vars.yaml", text: "a: \"${b}\"\nb: x\n")
    #expect(load(spec, VariableSources(files: [file])).diagnostics.isEmpty)
    #expect(load(spec, VariableSources(values: ["title": "y"], files: [file])).diagnostics.isEmpty)
  }

  @Test(
    "a key with a variable is an error, however deep",
    arguments: [
      "domains: { \"web-${n}\": { memory: 1 GiB } }",
      "domains: { web: { memory: 1 GiB, disks: { \"${n}\": { size: 1 GiB } } } }",
      "pools: { \"a${n}\": { path: /srv } }",
    ])
  func keys(text: String) {
    let diagnostics = load("stack: lab\nvariables: { n: 2 }\n\(text)").diagnostics
    #expect(diagnostics.contains { $0.rule == "variable-in-key" && $0.range?.start.line == 3 })
  }

  // MARK: Paths

  @Test("what a shell would expand is an error with the remedy, wherever a path stands")
  func shellWords() throws {
    let places = ValuePlace.all.filter {
      switch $0.leaf {
      case .path, .secretFile: true
      default: false
      }
    }
    #expect(places.count > 40)
    for place in places {
      for (text, word) in [
        ("~/x", "~"), ("~root/x", "~"), ("$HOME/x", "$HOME"), ("/home/$USER/x", "$USER"), ("a/$b", "$b"),
        ("$(pwd)/x", "$("),
      ] {
        for (spec, values) in [(place.flow("'\(text)'"), [:]), (place.flow("\"${v}\""), ["v": text])] {
          let (object, diagnostics) = try decode(place.object, spec, values)
          #expect(
            diagnostics.map(\.message) == ["`\(word)` is not expanded in paths"], "\(place.testDescription): \(spec)")
          #expect(diagnostics.first?.suggestion?.hasPrefix("write the whole path") == true)
          #expect(object.settings[place.field] == nil)
        }
      }
      guard case .path = place.leaf else { continue }
      let (object, diagnostics) = try decode(place.object, place.flow("'/a/$$b$'"), [:])
      #expect(diagnostics.isEmpty, "\(place.testDescription)")
      #expect(object.settings[place.field]?.value == place.whole(.string("/a/$b$")))
    }
  }
}
