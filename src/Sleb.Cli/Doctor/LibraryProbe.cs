using System.Diagnostics;
using System.Text.Json;
using Sleb.Cli.Output;

namespace Sleb.Cli.Doctor;

/// <summary>Loads a native library and runs something small on the CPU and on CUDA, in a process of its own: what starts up badly may take its process along.</summary>
/// <param name="word">What the process is told.</param>
/// <param name="name">What a person calls the library.</param>
/// <param name="check">What is run.</param>
internal abstract class LibraryProbe(string word, string name, string check)
{
    public static readonly IReadOnlyList<LibraryProbe> All = [new TorchProbe(), new OnnxRuntimeProbe(), new GenAIProbe()];

    public string Word => word;

    public string Name => name;

    public string Check => check;

    /// <summary>Writes the report as it grows, a line of JSON each time.</summary>
    public void Answer(TextWriter output)
    {
        var report = new LibraryReport();
        try
        {
            report = Load();
            report = report with { Cpu = Try(null) };
        }
        catch (Exception e)
        {
            LibraryReport.Answer missing = new(null, Sentences.Of(e));
            report = report with { Cpu = missing, Cuda = missing };
        }
        Write(report);
        if (report.Cuda is null) Write(report with { Cuda = Try(0) });

        void Write(LibraryReport found)
        {
            output.WriteLine(JsonSerializer.Serialize(found));
            output.Flush();
        }
    }

    /// <summary>Loads the library and says what it is.</summary>
    protected abstract LibraryReport Load();

    /// <summary>Runs something whose result is known.</summary>
    /// <param name="gpuDeviceId">The CUDA device; null is the CPU.</param>
    /// <exception cref="InvalidOperationException">The device is not there, or the result is wrong.</exception>
    protected abstract void Run(int? gpuDeviceId);

    /// <summary>Where a library of this name, less the system's prefix and ending, was loaded from.</summary>
    protected static string? PathOf(params string[] names)
    {
        using var process = Process.GetCurrentProcess();
        return process.Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .FirstOrDefault(file => Path.GetFileName(file).Split('.')[0] is var stem && names.Any(name => stem == name || stem == "lib" + name));
    }

    /// <summary>Whether the file of another library lies beside one.</summary>
    protected static bool IsBeside(string? path, string name) =>
        Path.GetDirectoryName(path) is { } folder && Directory.EnumerateFiles(folder, $"*{name}.*").Any();

    private LibraryReport.Answer Try(int? gpuDeviceId)
    {
        try
        {
            Run(gpuDeviceId);
            return new(gpuDeviceId is { } id ? $"cuda:{id}" : "cpu", null);
        }
        catch (Exception e)
        {
            return new(null, Sentences.Of(e));
        }
    }
}
