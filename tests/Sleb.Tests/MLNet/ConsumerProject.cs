using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Sleb.Tests.MLNet;

/// <summary>An application outside the repository that references Sleb.MLNet and the three native packages, and nothing else; built once.</summary>
public sealed class ConsumerProject : IDisposable
{
    private const string Program = """
        using Microsoft.ML;
        using Sleb.MLNet;

        var ml = new MLContext(seed: 1);
        var rows = ml.Data.LoadFromEnumerable(new[] { new Row { Text = "The old house stood at the end of the lane, and" } });
        ITransformer model;
        if (args[0] == "fit")
        {
            var text = ml.Data.LoadSlebText(args[2]);
            var pruned = ml.Transforms.SlebPrune(new SlebPruneOptions
            {
                ModelFolder = args[1], RemoveBlocks = 1, Windows = 1, SequenceLength = 64, EvaluationWindows = 1, MaxNewTokens = 12,
            }).Fit(text);
            pruned.SaveModelFolder(args[3]);
            ml.Model.Save(pruned, text.Schema, args[4]);
            model = pruned;
        }
        else
        {
            model = ml.Model.Load(args[1], out _);
        }
        var engine = ml.Model.CreatePredictionEngine<Row, Scored>(model); // and nothing is ever disposed
        var scored = engine.Predict(new Row { Text = "The old house stood at the end of the lane, and" });
        Console.WriteLine($"completion {scored.Completion.ReplaceLineEndings("|")}");
        Console.WriteLine(FormattableString.Invariant($"score {scored.NegativeLogLikelihood:R}"));
        Console.WriteLine($"torch {AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name == "TorchSharp")}");

        public class Row
        {
            public string Text { get; set; } = "";
        }

        public class Scored
        {
            public string Completion { get; set; } = "";
            public float NegativeLogLikelihood { get; set; }
        }
        """;

    private static readonly string Configuration = typeof(ConsumerProject).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;

    private readonly TemporaryFolder _root = new();

    /// <summary>The C# of README and docs, compiled with the application: each block a method that may use an ml, a text and data of its reader.</summary>
    private static string Snippets()
    {
        string[] pages = [Path.Combine(TestFiles.Root, "README.md"), .. Directory.GetFiles(Path.Combine(TestFiles.Root, "docs"), "*.md")];
        var blocks = pages.SelectMany(page => Regex.Matches(File.ReadAllText(page), "```csharp\n(.*?)```", RegexOptions.Singleline)).ToList();
        Assert.True(blocks.Count >= 4, $"Only {blocks.Count} C# blocks were found in README and docs.");
        return $$"""
            using Microsoft.ML;
            using Sleb.MLNet;

            static class Snippets
            {
                static readonly MLContext ml = new();
                static readonly IDataView text = null!, data = null!;

            {{string.Join('\n', blocks.Select((block, i) => $"static void Snippet{i}()\n{{\n{block.Groups[1].Value}}}"))}}
            }
            """;
    }

    public ConsumerProject()
    {
        File.WriteAllText(_root["Program.cs"], Program);
        File.WriteAllText(_root["Snippets.cs"], Snippets());
        File.WriteAllText(_root["Consumer.csproj"], $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
              </PropertyGroup>
              <ItemGroup>
                <ProjectReference Include="{Path.Combine(TestFiles.Root, "src", "Sleb.MLNet", "Sleb.MLNet.csproj")}" />
                <PackageReference Include="Microsoft.ML.OnnxRuntime" Version="1.31.1" />
                <PackageReference Include="Microsoft.ML.OnnxRuntimeGenAI" Version="0.18.0" />
                <PackageReference Include="libtorch-cpu-linux-x64" Version="2.10.0" />
              </ItemGroup>
            </Project>
            """);
        // The libraries are built already, and another build of them could collide with this run; hard links save copying libtorch.
        var build = Run("dotnet", ["build", "-c", Configuration, "-p:BuildProjectReferences=false", "-p:CreateHardLinksForCopyLocalIfPossible=true", "-nodeReuse:false"]);
        Assert.True(build.ExitCode == 0, build.Output);
    }

    /// <summary>The folder of the built application.</summary>
    public string Output => _root["bin", Configuration, "net10.0"];

    /// <summary>Where the application runs.</summary>
    public string WorkingFolder => _root["work"];

    internal (int ExitCode, string Output) Run(params string[] arguments) => Run("dotnet", [Path.Combine(Output, "Consumer.dll"), .. arguments]);

    /// <summary>Runs with one of the application's native libraries out of the way.</summary>
    internal (int ExitCode, string Output) RunWithout(string library, params string[] arguments)
    {
        string file = Path.Combine(Output, "runtimes", "linux-x64", "native", library);
        File.Move(file, file + ".away");
        try
        {
            return Run(arguments);
        }
        finally
        {
            File.Move(file + ".away", file);
        }
    }

    internal string? ModelRoot { get; set; }

    public void Dispose() => _root.Dispose();

    private (int ExitCode, string Output) Run(string program, string[] arguments)
    {
        Directory.CreateDirectory(WorkingFolder);
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = program == "dotnet" && arguments[0] == "build" ? _root.Path : WorkingFolder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["SLEB_MODEL_ROOT"] = ModelRoot ?? "";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }
}
