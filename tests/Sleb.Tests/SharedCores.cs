using System.Runtime.CompilerServices;
using Sleb.Torch.Natives;

namespace Sleb.Tests;

/// <summary>Test classes run at the same time, so libtorch's threads leave the cores to each other.</summary>
internal static class SharedCores
{
    [ModuleInitializer]
    public static void Share() => LibTorch.ShareCores = true;
}
