using System.Diagnostics;
using System.Text.Json;

namespace Sleb.Benchmarks.Decode;

/// <summary>This program again, with one model loaded: native libraries of two engines never meet, and every run is asked for by a line.</summary>
internal sealed class EngineProcess : IDisposable
{
    private readonly Process _process;

    public EngineProcess(DecodeRequest request, string engine, string model) => _process = Process.Start(
        new ProcessStartInfo("dotnet", [typeof(EngineProcess).Assembly.Location, "decode", model, .. request.Arguments, "--in-process", engine])
        { RedirectStandardInput = true, RedirectStandardOutput = true })!;

    /// <summary>One run; null where the engine failed, which it has explained.</summary>
    public DecodeRun? Run()
    {
        try
        {
            _process.StandardInput.WriteLine();
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            return null; // it has ended
        }
        return _process.StandardOutput.ReadLine() is { } line ? JsonSerializer.Deserialize<DecodeRun>(line) : null;
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(30))) _process.Kill();
        _process.Dispose();
    }

    /// <summary>The child's side: until its input ends.</summary>
    public static void Serve(IDecodeEngine engine)
    {
        while (Console.In.ReadLine() is not null) Console.Out.WriteLine(JsonSerializer.Serialize(engine.Run()));
    }
}
