import Testing

@testable import Pages

@Suite struct ModuleBundleTests {
  @Test func eachModuleFindsWhatItImports() throws {
    let text = try #require(
      ModuleBundle.text(
        of: "page/main.js",
        [
          "page/main.js": """
          // What it is for.
          import { one, two as second } from "../shared/a.js";
          import { Three } from "./b.js";
          new Three(one, second);
          """,
          "page/b.js": """
          import { one } from "../shared/a.js";
          /**
           * What it promises.
           */

          export class Three { one = one; }
          """,
          "shared/a.js": """
          /** A number. */
          export const one = 1;
            // Why so.
          export async function two(x) { return x; }
          const own = "export "; // /**
          """,
          "shared/unused.js": "export const never = 0;",
        ]))
    #expect(
      text == """
        // shared/a.js
        const module0 = (() => {
        const one = 1;
        async function two(x) { return x; }
        const own = "export "; // /**
        return { one, two };
        })();
        // page/b.js
        const module1 = (() => {
        const { one } = module0;
        class Three { one = one; }
        return { Three };
        })();
        // page/main.js
        const module2 = (() => {
        const { one, two: second } = module0;
        const { Three } = module1;
        new Three(one, second);
        return {  };
        })();

        """)
  }

  @Test(arguments: [
    ["main.js": "import { a } from \"./b.js\";"],
    ["main.js": "import { a } from \"./b.js\";", "b.js": "import { c } from \"./main.js\";"],
  ])
  func amongThoseThatAreMissingOrImportEachOtherThereIsNoOrder(sources: [String: String]) {
    #expect(ModuleBundle.text(of: "main.js", sources) == nil)
  }
}
