using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Sleb.Tests.MLNet;

/// <summary>
/// An application outside the repository that references the packages Sleb.MLNet and Sleb.MLNet.Cpu, and nothing else: packed into a
/// folder, restored from there and built once. The tool is installed from the same folder.
/// </summary>
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

    /// <summary>No version of the repository's own.</summary>
    private const string Version = "0.0.1-test";

    private static readonly string MachinePackages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

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
                <PackageReference Include="Sleb.MLNet" Version="{Version}" />
                <PackageReference Include="Sleb.MLNet.Cpu" Version="{Version}" />
              </ItemGroup>
            </Project>
            """);
        // What others made is in this machine's package folder already; ours must come from the feed, and leave nothing behind.
        File.WriteAllText(_root["nuget.config"], $"""
            <configuration>
              <packageSources>
                <clear />
                <add key="feed" value="feed" />
              </packageSources>
              <fallbackPackageFolders>
                <clear />
                <add key="machine" value="{MachinePackages}" />
              </fallbackPackageFolders>
            </configuration>
            """);
        // Packed as they are built: another build of the libraries could collide with this run. Hard links save copying libtorch.
        Dotnet("pack", Path.Combine(TestFiles.Root, "Sleb.MLNet.sln"), "-c", Configuration, "--no-build", "-o", Feed, $"-p:MinVerVersionOverride={Version}", "-nodeReuse:false");
        Dotnet("build", "-c", Configuration, "-p:CreateHardLinksForCopyLocalIfPossible=true", "-nodeReuse:false");
    }

    /// <summary>Where the packages lie.</summary>
    internal string Feed => _root["feed"];

    /// <summary>Installs the tool from the feed and gives its path.</summary>
    internal string InstallTool()
    {
        Dotnet("tool", "install", "sleb", "--version", Version, "--tool-path", _root["tools"], "--configfile", _root["nuget.config"]);
        return _root["tools", "sleb"];
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

    private void Dotnet(params string[] arguments)
    {
        var call = Run("dotnet", arguments);
        Assert.True(call.ExitCode == 0, call.Output);
    }

    internal (int ExitCode, string Output) Run(string program, string[] arguments)
    {
        Directory.CreateDirectory(WorkingFolder);
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = arguments[0] == "build" ? _root.Path : WorkingFolder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["NUGET_PACKAGES"] = _root["packages"];
        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        start.Environment["SLEB_MODEL_ROOT"] = ModelRoot ?? "";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }
}
