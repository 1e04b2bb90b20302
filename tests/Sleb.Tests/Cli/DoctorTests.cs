using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;
using Sleb.Cli.Doctor;

namespace Sleb.Tests.Cli;

/// <summary>Does a person learn what the tool runs on, whatever is missing?</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Every_library_is_tried_on_the_cpu_and_says_why_not_on_cuda()
    {
        Assert.SkipWhen(OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"), "This build has CUDA.");
        var call = await SlebCli.RunProcess(_folder.Path, "doctor", "--json");
        Assert.Equal(["machine", "libraries"], call.Keys);
        var machine = call.Json.GetProperty("machine");
        Assert.Equal(Environment.ProcessorCount, machine.GetProperty("cores").GetInt32());
        Assert.InRange(machine.GetProperty("memoryBytes").GetInt64(), 100_000_000, long.MaxValue);
        Assert.Contains(machine.GetProperty("arithmetic").GetString(), (string[])["fp32", "bf16", "int8", "int8-bf16"]);
        var libraries = call.Json.GetProperty("libraries").EnumerateArray().ToList();
        Assert.Equal(["TorchSharp", "ONNX Runtime", "ONNX Runtime GenAI"], libraries.Select(library => Text(library, "name")));
        Assert.Equal(["0.107.0 with libtorch 2.10.0.0", OrtEnv.Instance().GetVersionString(), "0.18.0"], libraries.Select(library => Text(library, "version")));
        foreach (var library in libraries)
        {
            Assert.True(File.Exists(Text(library, "path")));
            Assert.NotEmpty(library.GetProperty("devices").EnumerateArray());
            Assert.Equal(("cpu", null), (Text(library.GetProperty("cpu"), "device"), Text(library.GetProperty("cpu"), "reason")));
            Assert.Null(Text(library.GetProperty("cuda"), "device"));
            Assert.Matches("^[^\n]*CUDA[^\n]*SlebRuntime=cuda[^\n]*$", Text(library.GetProperty("cuda"), "reason"));
        }
    }

    [Fact]
    public void A_person_reads_the_same_in_lines()
    {
        var call = SlebCli.Run("doctor");
        Assert.Equal((0, ""), (call.ExitCode, call.Error));
        Assert.Contains("  cpu       used as cpu: a model of one block, written, loaded and continued came out right", CliResult.Lines(call.Out));
        Assert.Equal(3, CliResult.Lines(call.Out).Count(line => line.StartsWith("  cuda ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("libtorch_cpu.so", "TorchSharp", "add the package libtorch-cpu-linux-x64")]
    [InlineData("libonnxruntime.so", "ONNX Runtime", "add the package Microsoft.ML.OnnxRuntime (")]
    [InlineData("libonnxruntime-genai.so", "ONNX Runtime GenAI", "add the package Microsoft.ML.OnnxRuntimeGenAI (")]
    public async Task A_missing_library_is_a_sentence_and_the_others_are_tried_all_the_same(string file, string name, string advice)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The tool's folder is made anew with symbolic links.");
        using var process = Start(ToolWithout(file), "doctor", "--json");
        var call = await SlebCli.Finish(process);
        call.AssertFailed($"{name} does not work on this machine's CPU: The native library of {name.Replace("TorchSharp", "libtorch")} is missing: {advice}");
        var libraries = JsonDocument.Parse(call.Out).RootElement.GetProperty("libraries").EnumerateArray().ToList();
        foreach (var library in libraries)
        {
            bool needed = Text(library, "name") == name || (file == "libonnxruntime.so" && Text(library, "name") == "ONNX Runtime GenAI");
            Assert.Equal(needed ? null : "cpu", Text(library.GetProperty("cpu"), "device"));
            if (needed) Assert.Equal((Text(library.GetProperty("cpu"), "reason"), null), (Text(library.GetProperty("cuda"), "reason"), Text(library, "version")));
        }
    }

    [Fact]
    public async Task Other_commands_name_the_package_too()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The tool's folder is made anew with symbolic links.");
        using var process = Start(ToolWithout("libonnxruntime-genai.so"), "export", TestFiles.TinyNovels, "--out", _folder["out"]);
        (await SlebCli.Finish(process)).AssertFailed("The native library of ONNX Runtime GenAI is missing: add the package Microsoft.ML.OnnxRuntimeGenAI (");
    }

    [Fact]
    public void A_library_that_takes_its_process_along_is_told_by_how_it_ended()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It ends a shell by a signal.");
        var start = new ProcessStartInfo("sh", ["-c", """echo '{"Version":"1","Cpu":{"Device":"cpu"}}'; echo 'terminate called without an active exception' >&2; kill -ABRT $$"""]);
        var report = ProbeProcess.Read(start, TestContext.Current.CancellationToken);
        Assert.Equal(("1", "cpu"), (report.Version, report.Cpu!.Device));
        Assert.Equal("The check's process ended with exit code 134 before it had an answer (terminate called without an active exception).", report.Cuda!.Reason);
        Assert.Equal(report.Cuda with { Reason = "The check's process ended with exit code 3 before it had an answer." }, ProbeProcess.Read(new("sh", ["-c", "exit 3"]), TestContext.Current.CancellationToken).Cpu);
    }

    [Fact]
    public void Cancelling_ends_the_check_too()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It waits in a shell.");
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        Assert.ThrowsAny<OperationCanceledException>(() => ProbeProcess.Read(new("sh", ["-c", "exec sleep 60"]), cancel.Token));
        Assert.Equal(130, SlebCli.Run(cancel.Token, "doctor").ExitCode);
    }

    public void Dispose() => _folder.Dispose();

    private static Process Start(string tool, params string[] args) =>
        Process.Start(new ProcessStartInfo("dotnet", [tool, .. args]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    /// <summary>The built tool again, less one native library; what its host looks at is copied, because a link would lead it back.</summary>
    private string ToolWithout(string library)
    {
        string tool = Path.GetDirectoryName(typeof(LibraryProbe).Assembly.Location)!;
        foreach (string file in Directory.GetFiles(tool, "*", SearchOption.AllDirectories))
        {
            string copy = _folder[Path.GetRelativePath(tool, file)];
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            if (Regex.IsMatch(Path.GetFileName(file), @"^sleb\.")) File.Copy(file, copy);
            else if (Path.GetFileName(file) != library) File.CreateSymbolicLink(copy, file);
        }
        return _folder["sleb.dll"];
    }
}
