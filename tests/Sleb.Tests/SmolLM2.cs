namespace Sleb.Tests;

/// <summary>SmolLM2-135M as a Hugging Face folder, unpacked once into the user's cache from ../shared; tests are skipped where that is missing.</summary>
internal static class SmolLM2
{
    private static readonly Lazy<string> Unpacked = new(Unpack);

    public static string Folder
    {
        get
        {
            TestFiles.Shared("models", "smollm2-135m");
            return Unpacked.Value;
        }
    }

    private static string Unpack()
    {
        string tool = TestFiles.Shared("tools", "unpack-smollm2.cs");
        string cache = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create);
        string folder = Path.Combine(cache.Length == 0 ? Path.GetTempPath() : cache, "sleb-tests", "smollm2-135m");
        var call = DotnetProcess.Run("run", tool, "--", folder);
        return call.ExitCode == 0 ? folder : throw new InvalidOperationException("unpack-smollm2.cs failed: " + call.Out + call.Error);
    }
}
